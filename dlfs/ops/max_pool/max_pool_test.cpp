#include "dlfs/ops/max_pool/max_pool.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "dlfs/graph/plan.h"
#include "dlfs/tensor/half.h"
#include "dlfs/testing/cases.h"
#include "dlfs/testing/devices.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/op_checks.h"

namespace dlfs::testing {

std::vector<OpCase> max_pool_cases() {
  struct Row {
    std::string name;
    Shape x;
    MaxPoolSettings settings = {};
    bool speed = false;
    bool compare = true;
  };
  std::vector<OpCase> all;
  for (const Row& row : std::vector<Row>{
           {.name = "2x2", .x = {3, 6, 8, 20}},
           {.name = "2x2 leaves an edge", .x = {2, 7, 5, 3}},
           {.name = "3x3 stride 2 pad 1", .x = {2, 9, 8, 8}, .settings = {.size = 3, .stride = 2, .pad = 1}},
           {.name = "3x3 over an even map",
           .x = {1, 6, 4, 8},
           .settings = {.size = 3, .stride = 2, .pad = 1}},
           {.name = "3x3 over an even map, relu, odd channels",
           .x = {2, 6, 4, 5},
           .settings = {.size = 3, .stride = 2, .pad = 1, .relu = true}},
           {.name = "3x3 stride 1 overlaps",
           .x = {2, 6, 6, 5},
           .settings = {.size = 3, .stride = 1, .pad = 1}},
           {.name = "whole image", .x = {2, 5, 5, 4}, .settings = {.size = 5}},
           {.name = "stride beyond the window", .x = {1, 9, 9, 2}, .settings = {.size = 2, .stride = 3}},
           {.name = "relu", .x = {3, 6, 8, 20}, .settings = {.relu = true}},
           {.name = "relu, overlaps, two channels",
           .x = {2, 7, 6, 6},
           .settings = {.size = 3, .stride = 2, .pad = 1, .relu = true}},
           {.name = "speed lenet pool1", .x = {256, 24, 24, 20}, .settings = {.relu = true}, .speed = true},
           {.name = "speed lenet pool2", .x = {256, 8, 8, 50}, .settings = {.relu = true}, .speed = true},
           {.name = "speed resnet stem",
           .x = {64, 112, 112, 64},
           .settings = {.size = 3, .stride = 2, .pad = 1},
           .speed = true,
           .compare = false},
       })
    all.push_back({.name = "max_pool/" + row.name,
                   .function = max_pool_function(row.settings),
                   .inputs = {{.spec = {row.x}, .matrix = true}},
                   .golden = !row.speed,
                   .speed = row.speed,
                   .compare = row.compare,
                   .narrow = true});
  return all;
}

DLFS_OP_TESTS(MaxPool, max_pool_cases())

// Ties, NaN and infinities, where a table of random numbers never comes.
static void expect_odd_values(Device& device) {
  const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  const OpCase of{
      .name = "max_pool/odd values", .function = max_pool_function({}), .inputs = {{.spec = {{1, 2, 8, 1}}}}};
  OpRun run(device, of);
  run.set_input(0, {1, 1, -infinity, -infinity, nan, 5, 2, 7,  //
                    1, 1, -infinity, -infinity, 3, nan, 7, 7});
  run.forward();
  EXPECT_EQ(run.results()[0][0], 1);
  EXPECT_EQ(run.results()[0][1], -infinity);
  EXPECT_TRUE(std::isnan(run.results()[0][2]));
  EXPECT_EQ(run.results()[0][3], 7);
  const Numbers winners = run.saved()[0];
  EXPECT_EQ(winners[0], 0) << "of equals the first wins";
  EXPECT_EQ(winners[1], 0) << "of equals the first wins";
  EXPECT_EQ(winners[3], 1) << "of equals the first wins";
}

// ReLU and maximum change places: NaN stays, what is not above 0 gets no gradient.
static void expect_relu(Device& device) {
  const double nan = std::nan("");
  const OpCase of{.name = "max_pool/relu values",
                  .function = max_pool_function({.relu = true}),
                  .inputs = {{.spec = {{1, 2, 8, 1}}}}};
  OpRun run(device, of);
  run.set_input(0, {-1, -2, 0, -3, nan, -5, 2, -7,  //
                    -4, -1, -6, -9, -3, -1, -7, 3});
  run.set_d_out(0, {5, 6, 7, 8});
  run.forward();
  run.backward(Write::set);
  EXPECT_EQ(run.results()[0][0], 0);
  EXPECT_EQ(run.results()[0][1], 0);
  EXPECT_TRUE(std::isnan(run.results()[0][2]));
  EXPECT_EQ(run.results()[0][3], 3);
  EXPECT_EQ(run.gradients()[0], (Numbers{0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8}));
}

TEST(MaxPool, ReluLetsOnlyWhatIsAboveZeroThrough) { expect_relu(*open_cpu()); }

TEST(GpuMaxPool, ReluLetsOnlyWhatIsAboveZeroThrough) {
  DLFS_NEEDS_GPU(gpu);
  expect_relu(*gpu);
}

TEST(MaxPool, FirstOfEqualsWinsAndNanIsKept) { expect_odd_values(*open_cpu()); }

TEST(GpuMaxPool, FirstOfEqualsWinsAndNanIsKept) {
  DLFS_NEEDS_GPU(gpu);
  expect_odd_values(*gpu);
}

// An inference: max_pool of x [2,9,8,channels] with a bias.
static Numbers biased(Device& device, DType type, const MaxPoolSettings& settings, const Numbers& x,
                      const std::vector<float>& bias) {
  State state(1);
  Trace trace(state, {.mode = Mode::infer});
  const int channels = static_cast<int>(bias.size());
  const Value map = trace.input("x", {{2, 9, 8, channels}, type});
  trace.output("y", max_pool(map, trace.input("bias", {{1, 1, 1, channels}}), settings));
  Plan plan(std::move(trace));
  plan.compile(device);
  std::vector<std::byte> content(bytes(plan["x"].spec)), found(bytes(plan["y"].spec));
  for (size_t i = 0; i < x.size(); ++i) set_number(content.data(), type, i, x[i]);
  device.upload(plan["x"], content.data(), device.stream());
  device.upload(plan["bias"], bias.data(), device.stream());
  plan.run(device.stream());
  device.download(plan["y"], found.data(), device.stream());
  Numbers y(static_cast<size_t>(plan["y"].shape().count()));
  for (size_t i = 0; i < y.size(); ++i) y[i] = number_at(found.data(), type, i);
  return y;
}

// Exactly the pool of x + bias, rounded once; NaN and infinities come through.
static void expect_bias(Device& cpu, Device& device, const std::vector<DType>& types) {
  for (const DType type : types)
    for (const int channels : {64, 6, 5})
      for (const bool relu : {false, true}) {
        const MaxPoolSettings settings{.size = 3, .stride = 2, .pad = 1, .relu = relu};
        const OpCase plain{.name = "max_pool/bias",
                           .function = max_pool_function(settings),
                           .inputs = {{.spec = {{2, 9, 8, channels}}}}};
        Numbers x = case_input(plain, 0);
        x[0] = std::nan("");
        x[1] = std::numeric_limits<double>::infinity();
        for (size_t i = 3; i < x.size() / 2; i += static_cast<size_t>(channels))
          x[i] = -std::numeric_limits<double>::infinity();
        std::vector<float> bias;
        for (const double b : random_numbers("max_pool/bias", channels, -1, 1))
          bias.push_back(static_cast<float>(b));
        const Numbers found = biased(device, type, settings, x, bias);
        for (size_t i = 0; i < x.size(); ++i) {
          float rounded = 0;
          set_number(&rounded, type, 0, x[i]);
          x[i] = static_cast<float>(number_at(&rounded, type, 0)) + bias[i % bias.size()];
        }
        OpRun run(cpu, plain);
        run.set_input(0, x);
        run.forward();
        const Numbers wanted = run.results()[0];
        ASSERT_EQ(found.size(), wanted.size());
        for (size_t i = 0; i < wanted.size(); ++i) {
          float rounded = 0;
          set_number(&rounded, type, 0, wanted[i]);
          const double expected = number_at(&rounded, type, 0);
          ASSERT_TRUE(found[i] == expected || (std::isnan(found[i]) && std::isnan(expected)))
              << to_string(type) << " " << channels << " element " << i << " is " << found[i] << ", not "
              << expected;
        }
      }
}

TEST(MaxPool, AddsABiasToTheLargest) {
  const auto cpu = open_cpu();
  expect_bias(*cpu, *cpu, {DType::f32, DType::bf16});
}

TEST(GpuMaxPool, AddsABiasToTheLargest) {
  DLFS_NEEDS_GPU(gpu);
  expect_bias(*open_cpu(), *gpu, {DType::f32, DType::f16, DType::bf16});
}

TEST(MaxPool, TakesABiasInInferenceAlone) {
  const Spec x{{1, 4, 4, 8}}, bias{{1, 1, 1, 8}};
  expect_error<ShapeError>(
      [&] {
        max_pool_function({})->infer({{x, bias}, Mode::train});
      },
      "[max_pool] bias is for inference: it has no gradient; in training write x + bias");
  expect_error<ShapeError>(
      [&] {
        max_pool_function({})->infer({{x, Spec{{1, 1, 1, 7}}}, Mode::infer});
      },
      "[max_pool] bias is f32 [1,1,1,7], but x [1,4,4,8] needs f32 [1,1,1,8]");
}

TEST(MaxPool, NamesBothValuesOfWhatDoesNotFit) {
  const auto infer = [](Shape x, MaxPoolSettings settings) {
    max_pool_function(settings)->infer({{Spec{x}}});
  };
  expect_error<ShapeError>(
      [&] {
        infer({1, 2, 2, 3}, {.size = 3});
      },
      "[max_pool] a window of 3 is larger than x [1,2,2,3] padded by 0");
  expect_error<ShapeError>(
      [&] {
        infer({1, 9, 9, 3}, {.size = 16});
      },
      "[max_pool] size 16 is not between 1 and 15");
  expect_error<ShapeError>(
      [&] {
        infer({1, 12, 12, 1}, {.size = 2, .stride = 2147483647});
      },
      "[max_pool] stride 2147483647 or x [1,12,12,1] is more than 1073741824 rows or columns");
  expect_error<ShapeError>(
      [&] {
        infer({1, 9, 9, 3}, {.size = 2, .pad = 2});
      },
      "[max_pool] stride 0 must not be negative and pad 2 at most half of size 2");
}

}  // namespace dlfs::testing
