#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>

#include "dlfs/base/json.h"
#include "dlfs/models/models.h"
#include "dlfs/testing/devices.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/golden.h"
#include "dlfs/testing/lenet_run.h"
#include "dlfs/testing/op_checks.h"

namespace dlfs::testing {
namespace {

// The bounds of ten f32 steps against PyTorch's in f32 and in float64: losses 1e-5 relative, weights 1e-4 of the largest.
void expect_pytorch_run(Device& device) {
  const LenetRun run = run_lenet(device);
  const GoldenFile golden("lenet.safetensors");
  CheckRows rows;
  for (size_t step = 0; step < run.losses.size(); ++step) {
    for (const char* losses : {"losses", "losses_f64"}) {
      const double wanted = golden.tensor(losses)[step];
      rows.push_back(
          {concat("lenet ", losses, " ", step), std::abs(run.losses[step] - wanted) / wanted, 1e-5, ""});
    }
  }
  for (const auto& [name, weights] : run.file_weights)
    if (golden.has(name))
      rows.push_back(
          {"lenet " + name, relative_error(golden_sample(weights), golden.tensor(name)), 1e-4, ""});
  EXPECT_EQ(rows.size(), 2 * 10U + 8U);
  expect_rows(rows);
}

// Losses and every weight and momentum, bit for bit.
void expect_same_bits(const LenetRun& a, const LenetRun& b) {
  EXPECT_EQ(a.losses, b.losses);
  EXPECT_EQ(a.weights, b.weights);
  for (const float loss : a.losses) EXPECT_TRUE(std::isfinite(loss));
}

void expect_recording_is_exact(Device& device) {
  const LenetRun recorded = run_lenet(device, {.steps = 20, .recorded = true, .changing_rate = true});
  const LenetRun stepped = run_lenet(device, {.steps = 20, .recorded = false, .changing_rate = true});
  expect_same_bits(recorded, stepped);
  const LenetRun constant = run_lenet(device, {.steps = 20});
  EXPECT_NE(recorded.weights, constant.weights) << "the changing rate must reach the recording";
}

TEST(LeNet, HasTheParametersThatItShould) {
  State state(1);
  Trace trace(state, {.mode = Mode::infer});
  EXPECT_EQ(lenet(trace.input("images", {{3, 28, 28, 1}}), 10).shape(), (Shape{3, 1, 1, 10}));
  EXPECT_EQ(state.parameter_count(), 431080);
  std::vector<std::string> names;
  for (const State::Entry& entry : state.entries()) names.push_back(entry.name);
  EXPECT_EQ(names, (std::vector<std::string>{"conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias",
                                             "fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"}));
}

TEST(LeNet, TenStepsMatchPyTorch) { expect_pytorch_run(*open_cpu()); }

TEST(LeNet, RecordedAndUnrecordedStepsGiveTheSameBits) { expect_recording_is_exact(*open_cpu()); }

TEST(LeNet, TheSameSeedGivesTheSameBits) {
  const auto cpu = open_cpu();
  expect_same_bits(run_lenet(*cpu), run_lenet(*cpu));
}

TEST(LeNet, AStepAllocatesNothing) { EXPECT_EQ(run_lenet(*open_cpu()).allocations, 0); }

TEST(LeNet, CheckFindsNothingWrong) {
  const auto cpu = open_cpu(), reference = open_cpu();
  run_lenet(*cpu, {.steps = 2, .check = reference.get()});
}

TEST(GpuLeNet, TenStepsMatchPyTorch) {
  DLFS_NEEDS_GPU(gpu);
  expect_pytorch_run(*gpu);
}

TEST(GpuLeNet, RecordedAndUnrecordedStepsGiveTheSameBits) {
  DLFS_NEEDS_GPU(gpu);
  expect_recording_is_exact(*gpu);
}

TEST(GpuLeNet, TheSameSeedGivesTheSameBits) {
  DLFS_NEEDS_GPU(gpu);
  expect_same_bits(run_lenet(*gpu), run_lenet(*gpu));
}

TEST(GpuLeNet, CheckFindsNothingWrong) {
  DLFS_NEEDS_GPU(gpu);
  const auto cpu = open_cpu();
  run_lenet(*gpu, {.steps = 3, .check = cpu.get()});
}

TEST(GpuLeNet, CheckFindsNothingWrongInTf32) {
  DLFS_NEEDS_GPU(gpu);
  const auto cpu = open_cpu();
  run_lenet(*gpu, {.steps = 3, .precision = Precision::tf32, .check = cpu.get()});
}

TEST(GpuLeNet, AStepAllocatesNothing) {
  DLFS_NEEDS_GPU(gpu);
  EXPECT_EQ(run_lenet(*gpu).allocations, 0);
}

// One JSON line a setting, as bench/peers/lenet.py prints them for PyTorch: the median time of a step whose batch lies on
// the device, and the loss after 20 steps, which must be the same on both sides.
void measure_step(Device& device, int batch, Precision precision) {
  LenetStep step(device, batch, precision);
  const Stream stream = device.stream();
  step.upload_batch(0);
  step.upload_rate(0.001f);
  const auto run = [&](int steps) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < steps; ++i) step.plan().run(stream);
    device.synchronize(stream);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / steps;
  };
  run(20);
  const float loss = step.loss();
  const int steps = device.kind() == DeviceKind::gpu ? 100 : 2;
  std::vector<double> seconds(21);
  for (double& of : seconds) of = run(steps);
  std::nth_element(seconds.begin(), seconds.begin() + 10, seconds.end());
  std::cout << JsonWriter()
                   .object()
                   .field("what", "lenet training step")
                   .field("by", "dlfs")
                   .field("precision", to_string(precision))
                   .field("batch", batch)
                   .field("microseconds", std::round(seconds[10] * 1e7) / 10)
                   .field("images_per_second", std::round(batch / seconds[10]))
                   .field("loss_after_20_steps", loss)
                   .close()
                   .text()
            << "\n";
  EXPECT_TRUE(std::isfinite(loss));
}

TEST(CpuSpeed, LeNetStep) { measure_step(*open_cpu(), 64, Precision::f32); }

TEST(GpuSpeed, LeNetStep) {
  DLFS_NEEDS_GPU(gpu);
  for (const Precision precision : {Precision::f32, Precision::tf32})
    for (const int batch : {64, 256}) measure_step(*gpu, batch, precision);
}

}  // namespace
}  // namespace dlfs::testing
