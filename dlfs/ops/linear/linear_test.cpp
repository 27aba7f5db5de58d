#include "dlfs/ops/linear/linear.h"

#include <gtest/gtest.h>

#include "dlfs/testing/cases.h"
#include "dlfs/testing/devices.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/op_checks.h"

namespace dlfs::testing {

std::vector<OpCase> linear_cases() {
  struct Row {
    std::string name;
    Shape x;
    int outputs;
    bool bias = true;
    LinearSettings settings = {};
    bool speed = false;
    Precision precision = Precision::f32;
  };
  std::vector<OpCase> all;
  for (const Row& row : std::vector<Row>{
           {.name = "vector", .x = {5, 1, 1, 12}, .outputs = 10},
           {.name = "vector without bias", .x = {5, 1, 1, 12}, .outputs = 7, .bias = false},
           {.name = "vector relu", .x = {5, 1, 1, 12}, .outputs = 16, .settings = {.relu = true}},
           {.name = "map", .x = {3, 4, 4, 5}, .outputs = 9},
           {.name = "map relu", .x = {3, 4, 4, 5}, .outputs = 9, .settings = {.relu = true}},
           {.name = "one image", .x = {1, 1, 1, 500}, .outputs = 10},
           {.name = "tf32", .x = {64, 1, 1, 256}, .outputs = 64, .precision = Precision::tf32},
           {.name = "speed lenet fc1",
           .x = {256, 4, 4, 50},
           .outputs = 500,
           .settings = {.relu = true},
           .speed = true},
           {.name = "speed lenet fc2", .x = {256, 1, 1, 500}, .outputs = 10, .speed = true},
       })
    all.push_back({.name = "linear/" + row.name,
                   .function = linear_function(row.settings),
                   .inputs = {{.spec = {row.x}, .matrix = true},
                              {.spec = {{row.outputs, row.x.h, row.x.w, row.x.c}}, .matrix = true},
                              {.spec = row.bias ? Spec{{1, 1, 1, row.outputs}} : absent}},
                   .precision = row.precision,
                   .golden = !row.speed && row.precision == Precision::f32,
                   .speed = row.speed,
                   .narrow = row.precision == Precision::f32});
  return all;
}

DLFS_OP_TESTS(Linear, linear_cases())

TEST(Linear, NamesBothValuesOfWhatDoesNotFit) {
  const auto infer = [](Shape x, Shape w, Spec bias) {
    linear_function({})->infer({{Spec{x}, Spec{w}, bias}});
  };
  expect_error<ShapeError>(
      [&] {
        infer({8, 4, 4, 50}, {500, 1, 1, 800}, absent);
      },
      "[linear] x [8,4,4,50] is a map of 4x4x50, but w [500,1,1,800] takes 1x1x800");
  expect_error<ShapeError>(
      [&] {
        infer({8, 1, 1, 5}, {3, 1, 1, 5}, {{1, 1, 1, 5}});
      },
      "[linear] bias is f32 [1,1,1,5], but w [3,1,1,5] needs f32 [1,1,1,3]");
}

}  // namespace dlfs::testing
