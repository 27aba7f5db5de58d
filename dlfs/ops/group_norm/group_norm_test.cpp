#include "dlfs/ops/group_norm/group_norm.h"

#include <gtest/gtest.h>

#include <cmath>

#include "dlfs/testing/cases.h"
#include "dlfs/testing/devices.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/op_checks.h"

namespace dlfs::testing {
namespace {

struct Row {
  std::string name;
  Shape x;
  GroupNormSettings settings = {};
  bool speed = false;
};

OpCase case_of(const Row& row) {
  const Spec channels{{1, 1, 1, row.x.c}};
  return {.name = "group_norm/" + row.name,
          .function = group_norm_function(row.settings),
          .inputs = {{.spec = {row.x}, .low = -1, .high = 1.5, .matrix = true},
                     {.spec = channels, .low = 0.5, .high = 1.5},
                     {.spec = channels}},
          .golden = !row.speed,
          .speed = row.speed,
          .narrow = !row.speed};
}

}  // namespace

std::vector<OpCase> group_norm_cases() {
  std::vector<OpCase> all;
  for (const Row& row : std::vector<Row>{
           {.name = "32 groups", .x = {2, 5, 7, 64}},
           {.name = "one group", .x = {3, 5, 5, 12}, .settings = {.groups = 1}},
           {.name = "one channel", .x = {2, 5, 7, 1}, .settings = {.groups = 1}},
           {.name = "a channel a group", .x = {2, 6, 6, 8}, .settings = {.groups = 8}},
           {.name = "three channels a group", .x = {2, 4, 5, 15}, .settings = {.groups = 5}},
           {.name = "many channels", .x = {2, 3, 2, 1024}},
           {.name = "many positions", .x = {2, 41, 40, 4}, .settings = {.groups = 2}},
           {.name = "epsilon", .x = {2, 5, 5, 8}, .settings = {.groups = 2, .epsilon = 0.1F}},
           {.name = "relu", .x = {3, 6, 5, 64}, .settings = {.relu = true}},
           {.name = "relu, three channels a group",
           .x = {2, 4, 5, 15},
           .settings = {.groups = 5, .relu = true}},
           {.name = "speed 64 at 56", .x = {32, 56, 56, 64}, .settings = {.relu = true}, .speed = true},
           {.name = "speed 256 at 28", .x = {32, 28, 28, 256}, .settings = {.relu = true}, .speed = true},
           {.name = "speed 256 at 7", .x = {32, 7, 7, 256}, .settings = {.relu = true}, .speed = true},
       })
    all.push_back(case_of(row));
  return all;
}

DLFS_OP_TESTS(GroupNorm, group_norm_cases())

// Values 1000 +- 1, whose squares would drown the variance; and a NaN that shows in its image's group, behind the ReLU.
static void expect_odd_values(Device& device) {
  OpCase of = case_of({.name = "odd", .x = {2, 20, 20, 8}, .settings = {.groups = 2, .relu = true}});
  of.inputs[0].low = 999;
  of.inputs[0].high = 1001;
  Numbers x = case_input(of, 0);
  double mean = 0, variance = 0;
  for (size_t i = 0; i < 3200; ++i) mean += i % 8 < 4 ? x[i] / 1600 : 0;
  for (size_t i = 0; i < 3200; ++i) variance += i % 8 < 4 ? (x[i] - mean) * (x[i] - mean) / 1600 : 0;
  x[3200 + 6] = std::nan("");
  OpRun run(device, of);
  run.set_input(0, x);
  run.forward();
  EXPECT_NEAR(run.saved()[0][0], mean, 1e-3);
  EXPECT_NEAR(run.saved()[0][2], 1 / std::sqrt(variance), 1e-3);
  const Numbers y = run.results()[0];
  for (size_t i = 0; i < y.size(); ++i) EXPECT_EQ(std::isnan(y[i]), i >= 3200 && i % 8 >= 4) << i;
}

TEST(GroupNorm, NothingCancelsAndNanComesThrough) { expect_odd_values(*open_cpu()); }

TEST(GpuGroupNorm, NothingCancelsAndNanComesThrough) {
  DLFS_NEEDS_GPU(gpu);
  expect_odd_values(*gpu);
}

TEST(GroupNorm, NamesBothValuesOfWhatDoesNotFit) {
  const auto infer = [](int groups, Spec scale) {
    group_norm_function({.groups = groups})->infer({{Spec{{2, 3, 3, 8}}, scale, Spec{{1, 1, 1, 8}}}});
  };
  expect_error<ShapeError>(
      [&] {
        infer(3, {{1, 1, 1, 8}});
      },
      "[group_norm] 3 groups do not share the channels of x f32 [2,3,3,8] evenly");
  expect_error<ShapeError>(
      [&] {
        infer(2, {{1, 1, 1, 4}});
      },
      "[group_norm] scale is f32 [1,1,1,4], but x f32 [2,3,3,8] needs f32 [1,1,1,8]");
}

}  // namespace dlfs::testing
