// prepare in front of other ops, which its own room does not know.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "dlfs/graph/plan.h"
#include "dlfs/ops/conv/conv.h"
#include "dlfs/ops/element_loss/element_loss.h"
#include "dlfs/ops/elementwise/elementwise.h"
#include "dlfs/ops/prepare/prepare.h"
#include "dlfs/ops/reduce/reduce.h"
#include "dlfs/ops/stem/stem.h"
#include "dlfs/tensor/half.h"
#include "dlfs/testing/devices.h"

namespace dlfs::testing {

// As the first op of a net that learns: what comes after has a gradient, and nobody asks prepare for one.
TEST(PrepareInANet, StandsBeforeALearningNet) {
  const auto cpu = open_cpu();
  State state(1);
  Trace trace(state);
  const Value y = prepare(
      trace.input("pixels", {{2, 4, 4, 3}, DType::u8}), trace.input("looks", {{2, 1, 1, look_numbers}}),
      {.mean = {0.485F, 0.456F, 0.406F}, .deviation = {0.229F, 0.224F, 0.225F}, .form = ImageForm::padded});
  const Value w = trace.param(state.add("w", {{1, 1, 1, 8}}, Role::parameter, {.value = 1}));
  trace.loss("loss", mean(y * w, Over::all));
  trace.output("d_w", trace.gradient(w));
  Plan plan(std::move(trace));
  plan.compile(*cpu);
  const std::vector<Look> looks(2, {.width = 4, .height = 4});
  const std::vector<uint8_t> pixels(2 * 4 * 4 * 3, 0);
  cpu->upload(plan["pixels"], pixels.data(), cpu->stream());
  cpu->upload(plan["looks"], looks.data(), cpu->stream());
  plan.run(cpu->stream());
  std::array<float, 8> d_w{};
  cpu->download(plan["d_w"], d_w.data(), cpu->stream());
  EXPECT_FLOAT_EQ(d_w[0], -0.485F / 0.229F / 8);
  EXPECT_EQ(d_w[3], 0);
}

namespace {

// A net's first convolution over images in a form, with the filters that belong to it.
struct Stem {
  std::vector<float> y, d_w;
};

Stem run_stem(Device& device, ImageForm form, Precision precision) {
  State state(1);
  Trace trace(state, {.precision = precision});
  const Value x = prepare(
      trace.input("pixels", {{2, 22, 18, 3}, DType::u8}), trace.input("looks", {{2, 1, 1, look_numbers}}),
      {.mean = {0.485F, 0.456F, 0.406F}, .deviation = {0.229F, 0.224F, 0.225F}, .form = form});
  const Value w = trace.weight(
      state.add("w", {{8, 7, 7, 3}}, Role::parameter, {.kind = Init::Kind::normal, .value = 0.1F}));
  const bool blocks = form == ImageForm::blocks;
  const Value y = conv(x, stem_filter(w, {.form = form}), {.stride = blocks ? 1 : 2, .pad = blocks ? 0 : 3});
  const Value target = trace.input("target", {y.shape()});
  trace.loss("loss", mean_squared_error(y, target));
  trace.output("y", y);
  trace.output("d_w", trace.gradient(w));
  Plan plan(std::move(trace));
  plan.compile(device);
  std::vector<Look> looks(2, {.width = 18, .height = 22});
  looks[1] = {.width = 17, .height = 20, .flip = 1, .erased = {2, 3, 6, 5}};
  std::vector<uint8_t> pixels(2 * 22 * 18 * 3);
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<uint8_t>(i * 37 % 251);
  const std::vector<float> zeros(static_cast<size_t>(plan["target"].shape().count()));
  device.upload(plan["pixels"], pixels.data(), device.stream());
  device.upload(plan["looks"], looks.data(), device.stream());
  device.upload(plan["target"], zeros.data(), device.stream());
  plan.run(device.stream());
  const auto numbers = [&](const Tensor& tensor) {
    std::vector<std::byte> content(bytes(tensor.spec));
    device.download(tensor, content.data(), device.stream());
    std::vector<float> all(static_cast<size_t>(tensor.shape().count()));
    convert(content.data(), tensor.spec.dtype, all.data(), DType::f32, all.size());
    return all;
  };
  return {numbers(plan["y"]), numbers(plan["d_w"])};
}

void expect_near(const std::vector<float>& found, const std::vector<float>& wanted, float tolerance) {
  ASSERT_EQ(found.size(), wanted.size());
  float largest = 0;
  for (const float number : wanted) largest = std::max(largest, std::abs(number));
  EXPECT_GT(largest, 0);
  for (size_t i = 0; i < wanted.size(); ++i) ASSERT_NEAR(found[i], wanted[i], tolerance * largest) << i;
}

void expect_stems_agree(Device& device, Precision precision, float tolerance) {
  const Stem plain = run_stem(device, ImageForm::plain, precision);
  for (const ImageForm form : {ImageForm::padded, ImageForm::blocks}) {
    const Stem other = run_stem(device, form, precision);
    expect_near(other.y, plain.y, tolerance);
    expect_near(other.d_w, plain.d_w, tolerance);
  }
}

}  // namespace

// A convolution on blocks with stride 1 is the 7x7 with stride 2 and pad 3 on the plain image, and so is its gradient.
TEST(PrepareInANet, EveryFormGivesTheSameConvolution) {
  expect_stems_agree(*open_cpu(), Precision::f32, 1e-5F);
}

TEST(GpuPrepareInANet, EveryFormGivesTheSameConvolution) {
  DLFS_NEEDS_GPU(gpu);
  expect_stems_agree(*gpu, Precision::f32, 1e-5F);
  expect_stems_agree(*gpu, Precision::f16, 2e-3F);
}

}  // namespace dlfs::testing
