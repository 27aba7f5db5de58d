#include "dlfs/models/layers.h"

#include <gtest/gtest.h>

#include "dlfs/graph/plan.h"
#include "dlfs/tensor/half.h"
#include "dlfs/testing/devices.h"
#include "dlfs/testing/op_checks.h"

namespace dlfs::testing {
namespace {

constexpr MaxPoolSettings pool{.size = 3, .stride = 2, .pad = 1};

// An inference through a stem whose weights are random: pooled by the layer, or behind it.
Numbers pooled(Device& device, Precision precision, const ConvNorm& layer, bool within) {
  ConvNorm stem = layer;
  if (within) stem.pool = pool;
  State state(1);
  Trace trace(state, {.mode = Mode::infer, .precision = precision});
  const Value x = trace.input("x", {{2, 22, 18, 4}, matrix_type(precision)});
  const Value y = conv_norm({"conv1", "bn1"}, x, stem);
  trace.output("y", within ? y : max_pool(y, pool));
  Plan plan(std::move(trace));
  plan.compile(device);

  const auto content = [](const std::string& key, const Spec& spec, double low) {
    const Numbers numbers = random_numbers("layers/" + key, spec.shape.count(), low, 1);
    std::vector<std::byte> made(bytes(spec));
    for (size_t i = 0; i < numbers.size(); ++i) set_number(made.data(), spec.dtype, i, numbers[i]);
    return made;
  };
  for (const State::Entry& entry : state.entries())
    device.upload(entry.tensor,
                  content(entry.name, entry.spec, entry.name.ends_with("var") ? 0.5 : -1).data(),
                  device.stream());
  plan.refresh(device.stream());
  device.upload(plan["x"], content("x", plan["x"].spec, -1).data(), device.stream());
  plan.run(device.stream());
  std::vector<std::byte> found(bytes(plan["y"].spec));
  device.download(plan["y"], found.data(), device.stream());
  Numbers numbers(static_cast<size_t>(plan["y"].shape().count()));
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = number_at(found.data(), plan["y"].spec.dtype, i);
  return numbers;
}

// In 16 bits the convolution's result is rounded without its bias.
void expect_one_result(Device& device, const std::vector<Precision>& precisions) {
  CheckRows rows;
  for (const Precision precision : precisions)
    for (const bool relu : {true, false})
      for (const int filters : {64, 5}) {
        const ConvNorm stem{.filters = filters, .size = 7, .stride = 2, .relu = relu, .stem = true};
        const Numbers wanted = pooled(device, precision, stem, false);
        rows.push_back({concat("conv_norm ", to_string(precision), relu ? " relu " : " ", filters),
                        relative_error(pooled(device, precision, stem, true), wanted),
                        1e-5 + 2 * storage_tolerance(matrix_type(precision)), ""});
      }
  expect_rows(rows);
}

TEST(ConvNorm, MayBePooledBeforeBiasAndRelu) {
  expect_one_result(*open_cpu(), {Precision::f32, Precision::bf16});
}

TEST(GpuConvNorm, MayBePooledBeforeBiasAndRelu) {
  DLFS_NEEDS_GPU(gpu);
  expect_one_result(*gpu, {Precision::f32, Precision::f16, Precision::bf16});
}

// As the device is to serve it: by the filters that the form has, not by the parameter's.
TEST(ConvNorm, AsksForTheMomentsOfAStemInBlocks) {
  State state(1);
  int asked = 0;
  const auto gives = [&](const Shape& x, const Shape& w) {
    EXPECT_EQ(x, (Shape{2, 19, 19, 16}));
    EXPECT_EQ(w, (Shape{64, 4, 4, 16}));
    return ++asked > 0;
  };
  Trace trace(state, {.mode = Mode::train, .precision = Precision::bf16, .moments = gives});
  const Value x = trace.input("x", {{2, 19, 19, 16}, DType::bf16});
  const Value y =
      conv_norm({"conv1", "bn1"}, x, {.filters = 64, .size = 7, .stride = 2, .stem = true, .pool = pool});
  EXPECT_EQ(y.shape(), (Shape{2, 8, 8, 64}));
  EXPECT_EQ(asked, 1);
}

// A join with a projection whose norm has to add up for itself must do so on both sides.
TEST(ConvNorm, TakesNoMomentsBesideAProjectionThatHasNone) {
  State state(1);
  Trace trace(state, {.mode = Mode::train,
                      .precision = Precision::bf16,
                      .moments = [](const Shape&, const Shape&) { return true; }});
  const Value x = trace.input("x", {{2, 8, 8, 64}, DType::bf16});
  const auto last_norm_is_given_sums = [&] { return trace.graph().calls.back().in[5] >= 0; };
  conv_norm({"conv1", "bn1"}, x, {.filters = 64});
  EXPECT_TRUE(last_norm_is_given_sums());
  conv_norm({"conv2", "bn2"}, x, {.filters = 64},
            projection({"down", "down_bn"}, x, {.filters = 64, .size = 1}));
  EXPECT_FALSE(last_norm_is_given_sums());
}

}  // namespace
}  // namespace dlfs::testing
