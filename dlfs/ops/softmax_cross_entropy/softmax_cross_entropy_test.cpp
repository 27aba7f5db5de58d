#include "dlfs/ops/softmax_cross_entropy/softmax_cross_entropy.h"

#include <gtest/gtest.h>

#include <cmath>

#include "dlfs/testing/cases.h"
#include "dlfs/testing/devices.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/op_checks.h"

namespace dlfs::testing {

std::vector<OpCase> softmax_cross_entropy_cases() {
  struct Row {
    std::string name;
    Shape logits;
    SoftmaxCrossEntropySettings settings = {};
    bool some_ignored = false;
    double range = 4;
    bool speed = false;
  };
  std::vector<OpCase> all;
  for (const Row& row : std::vector<Row>{
           {.name = "ten classes", .logits = {6, 1, 1, 10}},
           {.name = "two classes", .logits = {5, 1, 1, 2}},
           {.name = "every pixel", .logits = {2, 3, 4, 7}},
           {.name = "smoothing", .logits = {6, 1, 1, 10}, .settings = {.label_smoothing = 0.1f}},
           {.name = "some ignored", .logits = {7, 1, 1, 10}, .some_ignored = true},
           {.name = "some ignored, smoothing",
           .logits = {2, 2, 3, 5},
           .settings = {.label_smoothing = 0.2f, .ignore_index = 255},
           .some_ignored = true},
           {.name = "a thousand classes", .logits = {4, 1, 1, 1000}},
           {.name = "large logits", .logits = {6, 1, 1, 10}, .range = 60},
           {.name = "speed lenet", .logits = {256, 1, 1, 10}, .speed = true},
           {.name = "speed imagenet", .logits = {256, 1, 1, 1000}, .speed = true},
       })
    all.push_back({.name = "softmax_cross_entropy/" + row.name,
                   .function = softmax_cross_entropy_function(row.settings),
                   .inputs = {{.spec = {row.logits}, .low = -row.range, .high = row.range, .matrix = true},
                              {.spec = {{row.logits.n, row.logits.h, row.logits.w, 1}, DType::i32},
                               .below = row.logits.c,
                               .some_ignored = row.some_ignored,
                               .ignored = row.settings.ignore_index}},
                   .step = 1.0 / 32,
                   .smooth = true,
                   .golden = !row.speed,
                   .speed = row.speed,
                   .narrow = true});
  return all;
}

DLFS_OP_TESTS(SoftmaxCrossEntropy, softmax_cross_entropy_cases())

static void expect_nothing_counted(Device& device) {
  const OpCase of{.name = "softmax_cross_entropy/all ignored",
                  .function = softmax_cross_entropy_function({}),
                  .inputs = {{.spec = {{2, 1, 1, 3}}}, {.spec = {{2, 1, 1, 1}, DType::i32}, .below = 3}}};
  OpRun run(device, of);
  run.set_input(1, {-100, -100});
  run.forward();
  run.backward(Write::set);
  EXPECT_EQ(run.results()[0], Numbers{0});
  EXPECT_EQ(run.gradients()[0], Numbers(6, 0.0));
}

static void expect_huge_logits(Device& device) {
  const OpCase of{.name = "softmax_cross_entropy/huge",
                  .function = softmax_cross_entropy_function({}),
                  .inputs = {{.spec = {{1, 1, 1, 3}}}, {.spec = {{1, 1, 1, 1}, DType::i32}, .below = 3}}};
  OpRun run(device, of);
  run.set_input(0, {1e30, -1e30, 0});
  run.set_input(1, {0});
  run.forward();
  run.backward(Write::set);
  EXPECT_EQ(run.results()[0][0], 0);
  EXPECT_EQ(run.gradients()[0], Numbers(3, 0.0));
}

TEST(SoftmaxCrossEntropy, IsZeroWhereNothingCounts) { expect_nothing_counted(*open_cpu()); }
TEST(SoftmaxCrossEntropy, DoesNotOverflow) { expect_huge_logits(*open_cpu()); }

TEST(GpuSoftmaxCrossEntropy, IsZeroWhereNothingCounts) {
  DLFS_NEEDS_GPU(gpu);
  expect_nothing_counted(*gpu);
}

TEST(GpuSoftmaxCrossEntropy, DoesNotOverflow) {
  DLFS_NEEDS_GPU(gpu);
  expect_huge_logits(*gpu);
}

TEST(SoftmaxCrossEntropy, NamesBothValuesOfWhatDoesNotFit) {
  const auto infer = [](Spec logits, Spec labels, SoftmaxCrossEntropySettings settings) {
    softmax_cross_entropy_function(settings)->infer({{logits, labels}});
  };
  expect_error<ShapeError>(
      [&] {
        infer({{8, 1, 1, 10}}, {{4, 1, 1, 1}, DType::i32}, {});
      },
      "[softmax_cross_entropy] labels are i32 [4,1,1,1], but logits [8,1,1,10] need i32 [8,1,1,1]");
  expect_error<ShapeError>(
      [&] {
        infer({{8, 1, 1, 10}}, {{8, 1, 1, 1}, DType::i32}, {.label_smoothing = 1});
      },
      "[softmax_cross_entropy] label_smoothing 1 is not at least 0 and below 1");
}

}  // namespace dlfs::testing
