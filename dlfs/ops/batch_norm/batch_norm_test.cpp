#include "dlfs/ops/batch_norm/batch_norm.h"

#include <gtest/gtest.h>

#include <cmath>

#include "dlfs/testing/cases.h"
#include "dlfs/testing/devices.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/op_checks.h"

namespace dlfs::testing {
namespace {

enum class Add : uint8_t { nothing, plain, projected };

struct Row {
  std::string name;
  Shape x;
  Add add = Add::nothing;
  BatchNormSettings settings = {};
  bool sums = false;
  bool speed = false;
  bool compare = true;
  bool narrow_speed = false;
};

// x, scale, bias, mean, variance, sums of one side.
void append_side(std::vector<CaseInput>& inputs, const Row& row) {
  const Spec channels{{1, 1, 1, row.x.c}};
  const int64_t positions = row.x.count() / row.x.c;
  const auto count = static_cast<double>(positions);
  CaseInput x{.spec = {row.x}, .low = -1, .high = 1.5, .matrix = true};
  // So few different numbers that none comes so near a ReLU's kink that two devices see different signs.
  const int values = inputs.empty() ? 61 : 53, middle = values / 2;
  for (int i = 0; row.speed && i < values; ++i) x.given.push_back((i * 17 % values - middle) / 32.0);
  inputs.push_back(x);
  inputs.push_back({.spec = channels, .low = 0.5, .high = 1.5});
  inputs.push_back({.spec = channels});
  inputs.push_back({.spec = channels, .low = -0.5, .high = 0.5, .gradient = false});
  inputs.push_back({.spec = channels, .low = 0.5, .high = 1.5, .gradient = false});
  inputs.push_back({.spec = row.sums ? Spec{{1, 1, 2, row.x.c}} : absent,
                    .low = 0.4 * count,
                    .high = 0.6 * count,
                    .gradient = false});
}

OpCase case_of(const Row& row) {
  BatchNormSettings settings = row.settings;
  settings.projects = row.add == Add::projected;
  OpCase of{.name = "batch_norm/" + row.name,
            .function = batch_norm_function(settings),
            .inputs = {},
            .first_gradient_only = true,
            .golden = !row.speed,
            .speed = row.speed,
            .compare = row.compare,
            .narrow = true,
            .narrow_speed = row.narrow_speed};
  append_side(of.inputs, row);
  append_side(of.inputs, row);
  for (size_t i = row.add == Add::projected ? 12 : row.add == Add::plain ? 7 : 6; i < 12; ++i)
    of.inputs[i].spec = absent;
  return of;
}

}  // namespace

std::vector<OpCase> batch_norm_cases() {
  constexpr BatchNormSettings relu{.relu = true}, frozen{.frozen = true},
      frozen_relu{.relu = true, .frozen = true};
  std::vector<OpCase> all;
  for (const Row& row : std::vector<Row>{
           {.name = "one channel", .x = {2, 5, 7, 1}},
           {.name = "three channels", .x = {3, 5, 5, 3}},
           {.name = "eight channels", .x = {2, 6, 6, 8}},
           {.name = "twelve channels", .x = {3, 5, 5, 12}},
           {.name = "64 channels", .x = {2, 7, 5, 64}},
           {.name = "2048 channels", .x = {4, 3, 2, 2048}},
           {.name = "1001 channels", .x = {5, 2, 2, 1001}},
           {.name = "a vector", .x = {64, 1, 1, 24}},
           {.name = "many positions", .x = {4, 41, 40, 4}},
           {.name = "epsilon", .x = {2, 5, 5, 8}, .settings = {.epsilon = 0.1F}},
           {.name = "relu, one channel", .x = {2, 5, 7, 1}, .settings = relu},
           {.name = "relu, three channels", .x = {3, 5, 5, 3}, .settings = relu},
           {.name = "relu", .x = {3, 6, 5, 64}, .settings = relu},
           {.name = "relu, 2048 channels", .x = {4, 3, 2, 2048}, .settings = relu},
           {.name = "shortcut", .x = {3, 5, 5, 12}, .add = Add::plain},
           {.name = "shortcut, relu", .x = {3, 5, 5, 64}, .add = Add::plain, .settings = relu},
           {.name = "shortcut, relu, one channel", .x = {3, 5, 3, 1}, .add = Add::plain, .settings = relu},
           {.name = "shortcut, relu, three channels", .x = {3, 5, 7, 3}, .add = Add::plain, .settings = relu},
           {.name = "shortcut, relu, 2048 channels",
           .x = {4, 3, 2, 2048},
           .add = Add::plain,
           .settings = relu},
           {.name = "projected", .x = {3, 5, 5, 12}, .add = Add::projected},
           {.name = "projected, relu", .x = {3, 5, 5, 64}, .add = Add::projected, .settings = relu},
           {.name = "projected, relu, three channels",
           .x = {3, 5, 7, 3},
           .add = Add::projected,
           .settings = relu},
           {.name = "frozen", .x = {3, 5, 5, 8}, .settings = frozen},
           {.name = "frozen, one position", .x = {1, 1, 1, 12}, .settings = frozen},
           {.name = "frozen, relu", .x = {3, 5, 5, 12}, .settings = frozen_relu},
           {.name = "frozen, shortcut, relu", .x = {3, 5, 5, 64}, .add = Add::plain, .settings = frozen_relu},
           {.name = "frozen, projected, relu",
           .x = {3, 5, 5, 64},
           .add = Add::projected,
           .settings = frozen_relu},
           // ResNet-50
           {.name = "speed 64 at 112",
           .x = {32, 112, 112, 64},
           .settings = relu,
           .speed = true,
           .compare = false},
           {.name = "speed 64 at 56, sums",
           .x = {32, 56, 56, 64},
           .settings = relu,
           .sums = true,
           .speed = true},
           {.name = "speed 64 at 56", .x = {32, 56, 56, 64}, .settings = relu, .speed = true},
           // More than the shared memory of a card keeps, as the next one.
           {.name = "speed 64 at 56, batch 64",
           .x = {64, 56, 56, 64},
           .settings = relu,
           .speed = true,
           .narrow_speed = true},
           {.name = "speed 256 at 56, joins",
           .x = {32, 56, 56, 256},
           .add = Add::plain,
           .settings = relu,
           .speed = true,
           .compare = false,
           .narrow_speed = true},
           {.name = "speed 256 at 56, projects",
           .x = {32, 56, 56, 256},
           .add = Add::projected,
           .settings = relu,
           .speed = true,
           .compare = false},
           {.name = "speed 512 at 28, projects, sums",
           .x = {8, 28, 28, 512},
           .add = Add::projected,
           .settings = relu,
           .sums = true,
           .speed = true},
           {.name = "speed 512 at 28, joins",
           .x = {32, 28, 28, 512},
           .add = Add::plain,
           .settings = relu,
           .speed = true,
           .compare = false},
           {.name = "speed 256 at 14", .x = {32, 14, 14, 256}, .settings = relu, .speed = true},
           {.name = "speed 256 at 14, batch 256",
           .x = {256, 14, 14, 256},
           .settings = relu,
           .speed = true,
           .compare = false},
           {.name = "speed 2048 at 7, joins",
           .x = {32, 7, 7, 2048},
           .add = Add::plain,
           .settings = relu,
           .speed = true},
           {.name = "speed 2048 at 7, joins, batch 256",
           .x = {256, 7, 7, 2048},
           .add = Add::plain,
           .settings = relu,
           .speed = true,
           .compare = false},
           {.name = "speed 512 at 7", .x = {32, 7, 7, 512}, .settings = relu, .speed = true},
       })
    all.push_back(case_of(row));
  return all;
}

std::vector<OpCase> batch_norm_statistics_cases() {
  struct Row {
    std::string name;
    std::vector<int> channels;
    std::vector<double> factor = {};  // empty: none
  };
  std::vector<OpCase> all;
  for (const Row& row : std::vector<Row>{
           {.name = "one norm", .channels = {12}},
           {.name = "three norms", .channels = {64, 3, 1001}},
           {.name = "a step that counts", .channels = {5, 7}, .factor = {1}},
           {.name = "a step that does not count", .channels = {5, 7}, .factor = {0}},
       }) {
    StatisticsSettings settings;
    for (size_t i = 0; i < row.channels.size(); ++i) {
      settings.momentum.push_back(i == 0 ? 0.1F : 0.25F);
      settings.count.push_back(i == 0 ? 2 : 40);
    }
    OpCase of{.name = "batch_norm_statistics/" + row.name, .function = {}, .inputs = {}};
    of.function = statistics_function(settings);
    of.inputs.push_back({.spec = row.factor.empty() ? absent : Spec{{1, 1, 1, 1}}, .given = row.factor});
    for (const int statistics : {0, 0, 1})
      for (const int c : row.channels) of.inputs.push_back({.spec = {{1, 1, 1 + statistics, c}}, .low = 0.1});
    all.push_back(of);
  }
  return all;
}

DLFS_OP_TESTS(BatchNorm, batch_norm_cases())
DLFS_OP_TESTS(BatchNormStatistics, batch_norm_statistics_cases())

// Values 1000 +- 1: the variance of numbers whose squares would drown it.
static void expect_large_offset(Device& device) {
  OpCase of = case_of({.name = "offset", .x = {8, 20, 20, 12}});
  of.inputs[0].low = 999;
  of.inputs[0].high = 1001;
  OpRun run(device, of);
  run.forward();
  const Numbers x = case_input(of, 0), statistics = run.results()[1];
  for (size_t c = 0; c < 12; ++c) {
    double mean = 0, variance = 0;
    for (size_t i = c; i < x.size(); i += 12) mean += x[i] / 3200;
    for (size_t i = c; i < x.size(); i += 12) variance += (x[i] - mean) * (x[i] - mean) / 3200;
    EXPECT_NEAR(statistics[c], mean, 1e-3);
    EXPECT_NEAR(statistics[12 + c], variance, 1e-4);
  }
}

// One NaN is seen in its whole channel, behind the ReLU too, and nowhere else.
static void expect_nan(Device& device) {
  for (const Add add : {Add::nothing, Add::plain, Add::projected}) {
    const OpCase of = case_of({.name = "nan", .x = {2, 3, 3, 12}, .add = add, .settings = {.relu = true}});
    Numbers x = case_input(of, 0);
    x[12 + 5] = std::nan("");
    OpRun run(device, of);
    run.set_input(0, x);
    run.forward();
    const Numbers y = run.results()[0];
    for (size_t i = 0; i < y.size(); ++i) EXPECT_EQ(std::isnan(y[i]), i % 12 == 5) << i;
    if (add == Add::nothing) continue;
    const Numbers mask = run.saved()[0];
    for (size_t i = 5; i < y.size(); i += 12) EXPECT_TRUE(static_cast<int>(mask[i / 8]) >> i % 8 & 1) << i;
  }
}

// Sums as a convolution gives them do what the pass over x does; a variance that rounding made negative is 0.
static void expect_sums(Device& device) {
  const Row row{.name = "sums", .x = {3, 5, 5, 12}, .add = Add::projected, .settings = {.relu = true}};
  Row with_sums = row;
  with_sums.sums = true;
  const OpCase of = case_of(row), given = case_of(with_sums);
  OpRun wanted(device, of), found(device, given);
  for (const size_t side : {0, 6}) {
    const Numbers x = case_input(of, side);
    Numbers sums(24);
    for (size_t i = 0; i < x.size(); ++i) sums[i % 12] += x[i], sums[12 + i % 12] += x[i] * x[i];
    found.set_input(side + 5, sums);
  }
  for (OpRun* run : {&wanted, &found}) {
    run->forward();
    run->backward(Write::set);
  }
  for (size_t i = 0; i < 3; ++i)
    EXPECT_LE(relative_error(found.results()[i], wanted.results()[i]), 2e-6) << "result " << i;
  for (const size_t i : {0, 1, 2, 6, 7, 8})
    EXPECT_LE(relative_error(found.gradients()[i], wanted.gradients()[i]), 1e-5) << "gradient " << i;

  Numbers sums(24, 150);  // mean 2, mean of squares below 4
  std::fill(sums.begin() + 12, sums.end(), 299);
  found.set_input(5, sums);
  found.forward();
  EXPECT_EQ(found.results()[1][12], 0);
}

// So do moments, where a mean is a thousand deviations away.
static void expect_moments(Device& device) {
  Row row{.name = "moments", .x = {3, 5, 5, 12}, .settings = {.relu = true}};
  const OpCase of = case_of(row);
  row.sums = row.settings.moments = true;
  const OpCase given = case_of(row);
  OpRun wanted(device, of), found(device, given);
  Numbers x = case_input(of, 0);
  for (double& value : x) value = static_cast<float>(value / 8 + 1000);
  wanted.set_input(0, x);
  wanted.forward();
  found.set_input(0, x);
  found.set_input(5, wanted.results()[1]);
  found.forward();
  for (OpRun* run : {&wanted, &found}) run->backward(Write::set);
  for (size_t i = 0; i < 2; ++i) EXPECT_EQ(found.results()[i], wanted.results()[i]) << "result " << i;
  for (const size_t i : {0, 1, 2}) EXPECT_EQ(found.gradients()[i], wanted.gradients()[i]) << "gradient " << i;
}

TEST(BatchNorm, NothingCancelsInTheVariance) { expect_large_offset(*open_cpu()); }
TEST(BatchNorm, NanComesThrough) { expect_nan(*open_cpu()); }
TEST(BatchNorm, TakesSumsThatAreGiven) { expect_sums(*open_cpu()); }

TEST(BatchNorm, TakesMomentsThatAreGiven) { expect_moments(*open_cpu()); }

TEST(GpuBatchNorm, TakesMomentsThatAreGiven) {
  DLFS_NEEDS_GPU(gpu);
  expect_moments(*gpu);
}

TEST(GpuBatchNorm, NothingCancelsInTheVariance) {
  DLFS_NEEDS_GPU(gpu);
  expect_large_offset(*gpu);
}

TEST(GpuBatchNorm, NanComesThrough) {
  DLFS_NEEDS_GPU(gpu);
  expect_nan(*gpu);
}

TEST(GpuBatchNorm, TakesSumsThatAreGiven) {
  DLFS_NEEDS_GPU(gpu);
  expect_sums(*gpu);
}

TEST(BatchNorm, NamesBothValuesOfWhatDoesNotFit) {
  const auto infer = [](BatchNormSettings settings, size_t input, Spec spec) {
    const Spec x{{2, 3, 3, 8}}, channels{{1, 1, 1, 8}};
    std::vector<Spec> in(12, absent);
    for (size_t i = 0; i < (settings.projects ? 12 : 6); ++i) in[i] = channels;
    in[0] = x;
    in[5] = in[11] = absent;
    if (settings.projects) in[6] = x;
    in[input] = spec;
    return batch_norm_function(settings)->infer({in});
  };
  expect_error<ShapeError>(
      [&] {
        infer({}, 1, {{1, 1, 1, 4}});
      },
      "[batch_norm] scale is f32 [1,1,1,4], but x f32 [2,3,3,8] needs f32 [1,1,1,8]");
  expect_error<ShapeError>(
      [&] {
        infer({.projects = true}, 10, {{1, 1, 1, 8}, DType::f16});
      },
      "[batch_norm] the shortcut's variance is f16 [1,1,1,8], but x f32 [2,3,3,8] needs f32 [1,1,1,8]");
  expect_error<ShapeError>(
      [&] {
        infer({.projects = true}, 5, {{1, 1, 2, 8}});
      },
      "[batch_norm] sums are given for x alone; give both or neither");
  expect_error<ShapeError>(
      [&] {
        infer({}, 6, {{2, 3, 3, 4}});
      },
      "[batch_norm] x is f32 [2,3,3,8], but the shortcut is f32 [2,3,3,4]; they are added");
  expect_error<ShapeError>(
      [&] {
        infer({}, 5, {{1, 1, 1, 8}});
      },
      "[batch_norm] sums are f32 [1,1,1,8], but x f32 [2,3,3,8] needs f32 [1,1,2,8]");
  expect_error<ShapeError>(
      [&] {
        infer({}, 0, {{1, 1, 1, 8}});
      },
      "[batch_norm] x is f32 [1,1,1,8]: one position has no variance; use a larger batch or map, or freeze "
      "the "
      "norm");
  expect_error<ShapeError>(
      [&] {
        infer({}, 0, {{2, 3, 3, 8}, DType::i32});
      },
      "[batch_norm] x is i32 [2,3,3,8], but must be f32, f16 or bf16");
}

TEST(BatchNorm, HasNoF16OnACpu) {
  const auto cpu = open_cpu();
  const OpCase of = narrow_twin(case_of({.name = "f16", .x = {2, 3, 3, 8}}), Precision::f16);
  OpRun run(*cpu, of);
  expect_error<DeviceError>(
      [&] { run.forward(); },
      "[batch_norm] a CPU computes in f32 or bf16, not f16; take --precision bf16 or f32");
}

}  // namespace dlfs::testing
