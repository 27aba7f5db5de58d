#include "dlfs/ops/fold_norm/fold_norm.h"

#include <gtest/gtest.h>

#include "dlfs/testing/cases.h"
#include "dlfs/testing/devices.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/op_checks.h"

namespace dlfs::testing {

std::vector<OpCase> fold_norm_cases() {
  struct Row {
    std::string name;
    Shape w;
    bool bias = false;
    FoldNormSettings settings = {};
  };
  std::vector<OpCase> all;
  for (const Row& row : std::vector<Row>{
           {.name = "3x3", .w = {16, 3, 3, 8}},
           {.name = "with a bias", .w = {12, 3, 3, 5}, .bias = true},
           {.name = "1x1, one filter", .w = {1, 1, 1, 7}},
           {.name = "1x1, many filters", .w = {1001, 1, 1, 4}, .bias = true},
           {.name = "7x7 of three channels", .w = {64, 7, 7, 3}},
           {.name = "epsilon", .w = {8, 3, 3, 4}, .settings = {.epsilon = 0.1F}},
       }) {
    const Spec channels{{1, 1, 1, row.w.n}};
    all.push_back({.name = "fold_norm/" + row.name,
                   .function = fold_norm_function(row.settings),
                   .inputs = {{.spec = {row.w}},
                              {.spec = row.bias ? channels : absent},
                              {.spec = channels, .low = 0.5, .high = 1.5},
                              {.spec = channels},
                              {.spec = channels},
                              {.spec = channels, .low = 0.5, .high = 1.5}},
                   .gradient = false,
                   .narrow = true});
  }
  return all;
}

DLFS_OP_TESTS(FoldNorm, fold_norm_cases())

TEST(FoldNorm, NamesBothValuesOfWhatDoesNotFit) {
  const Spec w{{8, 3, 3, 4}}, channels{{1, 1, 1, 8}};
  const auto infer = [](std::vector<Spec> in) { fold_norm_function({})->infer({std::move(in)}); };
  expect_error<ShapeError>(
      [&] {
        infer({w, absent, channels, channels, Spec{{1, 1, 1, 4}}, channels});
      },
      "[fold_norm] input 4 is f32 [1,1,1,4], but w f32 [8,3,3,4] needs f32 [1,1,1,8]");
  expect_error<ShapeError>(
      [&] {
        infer({{w.shape, DType::bf16}, absent, channels, channels, channels, channels});
      },
      "[fold_norm] w is bf16 [8,3,3,4], but must be f32");
}

}  // namespace dlfs::testing
