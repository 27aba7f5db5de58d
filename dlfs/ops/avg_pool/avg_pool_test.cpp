#include "dlfs/ops/avg_pool/avg_pool.h"

#include <gtest/gtest.h>

#include "dlfs/testing/cases.h"
#include "dlfs/testing/devices.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/op_checks.h"

namespace dlfs::testing {

std::vector<OpCase> avg_pool_cases() {
  struct Row {
    std::string name;
    Shape x;
    AvgPoolSettings settings = {};
    bool speed = false;
    bool compare = true;
  };
  std::vector<OpCase> all;
  for (const Row& row : std::vector<Row>{
           {.name = "2x2", .x = {3, 6, 8, 20}},
           {.name = "2x2 leaves an edge", .x = {2, 7, 5, 3}},
           {.name = "3x3 stride 2 pad 1", .x = {2, 9, 8, 8}, .settings = {.size = 3, .stride = 2, .pad = 1}},
           {.name = "3x3 stride 2 pad 1, pad not counted",
           .x = {2, 9, 8, 8},
           .settings = {.size = 3, .stride = 2, .pad = 1, .count_include_pad = false}},
           {.name = "5x5 stride 1 pad 2, pad not counted",
           .x = {2, 4, 6, 5},
           .settings = {.size = 5, .stride = 1, .pad = 2, .count_include_pad = false}},
           {.name = "whole image", .x = {2, 20, 20, 4}, .settings = {.size = 20}},
           {.name = "stride beyond the window", .x = {1, 9, 9, 2}, .settings = {.size = 2, .stride = 3}},
           {.name = "speed densenet transition", .x = {16, 56, 56, 128}, .speed = true},
           {.name = "speed inception",
           .x = {64, 35, 35, 192},
           .settings = {.size = 3, .stride = 1, .pad = 1},
           .speed = true,
           .compare = false},
           {.name = "speed odd channels", .x = {16, 56, 56, 50}, .speed = true},
       })
    all.push_back({.name = "avg_pool/" + row.name,
                   .function = avg_pool_function(row.settings),
                   .inputs = {{.spec = {row.x}, .matrix = true}},
                   .step = 1.0 / 32,
                   .smooth = true,
                   .golden = !row.speed,
                   .speed = row.speed,
                   .compare = row.compare,
                   .narrow = true});
  return all;
}

DLFS_OP_TESTS(AvgPool, avg_pool_cases())

TEST(AvgPool, NamesBothValuesOfWhatDoesNotFit) {
  const auto infer = [](Spec x, AvgPoolSettings settings) { avg_pool_function(settings)->infer({{x}}); };
  expect_error<ShapeError>(
      [&] {
        infer({{1, 9, 9, 3}, DType::u8}, {});
      },
      "[avg_pool] x is u8 [1,9,9,3], but must be f32, f16 or bf16");
  expect_error<ShapeError>(
      [&] {
        infer({{1, 2, 2, 3}}, {.size = 3});
      },
      "[avg_pool] a window of 3 is larger than x [1,2,2,3] padded by 0");
  expect_error<ShapeError>(
      [&] {
        infer({{1, 9, 9, 3}}, {.size = 5000});
      },
      "[avg_pool] size 5000 is not between 1 and 4096");
  expect_error<ShapeError>(
      [&] {
        infer({{1, 9, 9, 3}}, {.size = 3, .stride = -1});
      },
      "[avg_pool] stride -1 must not be negative and pad 0 at most half of size 3");
}

}  // namespace dlfs::testing
