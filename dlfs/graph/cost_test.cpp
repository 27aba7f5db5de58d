#include "dlfs/graph/cost.h"

#include <gtest/gtest.h>

#include "dlfs/testing/null_function.h"

namespace dlfs::testing {
namespace {

// A step of x [2,4,4,3], w [5,3,3,3] and a bias of 5 to y [2,2,2,5], as a convolution has it.
struct ConvStep {
  ConvStep() {
    step.signature = {.outputs = {y.spec},
                      .saved = {},
                      .updates = {},
                      .terms = 27,
                      .gradient_terms = {45, 8, 8},
                      .matrix_work = true};
  }

  float memory[8];
  Tensor x{{{2, 4, 4, 3}}, &memory[0]}, w{{{5, 3, 3, 3}}, &memory[1]}, bias{{{1, 1, 1, 5}}, &memory[2]},
      y{{{2, 2, 2, 5}}, &memory[3]}, d_y{y.spec, &memory[4]}, d_x{x.spec, &memory[5]},
      d_w{w.spec, &memory[6]}, d_bias{bias.spec, &memory[7]};
  Scratch scratch;
  NullFunction function{{}};
  Step step{&function, false, "conv", {}, {{x, w, bias}, {y}, {}, {}, {}, scratch}, nullptr};
};

constexpr double x_bytes = 4 * 96, w_bytes = 4 * 135, bias_bytes = 4 * 5, y_bytes = 4 * 40,
                 product_count = 40 * 27;

TEST(Cost, OfForwardIsWhatItReadsAndWrites) {
  const ConvStep conv;
  const Cost cost = cost_of(conv.step);
  EXPECT_EQ(cost.bytes, x_bytes + w_bytes + bias_bytes + y_bytes);
  EXPECT_EQ(cost.flops, 2 * product_count);
}

TEST(Cost, OfBackwardCountsTheGradientsThatAreWritten) {
  ConvStep conv;
  conv.step.backward = true;
  Site& site = conv.step.site;
  site.in[2] = {};
  site.out.clear();
  site.d_out = {conv.d_y};
  site.d_in = {{conv.d_x, Write::set}, {conv.d_w, Write::set}, {conv.d_bias, Write::set}};
  Cost cost = cost_of(conv.step);
  EXPECT_EQ(cost.bytes, 2 * x_bytes + 2 * w_bytes + bias_bytes + y_bytes);
  EXPECT_EQ(cost.flops, 2 * (product_count + product_count));

  site.d_in[0] = {};  // skipped
  site.d_in[1].how = Write::add;
  cost = cost_of(conv.step);
  EXPECT_EQ(cost.bytes, x_bytes + 3 * w_bytes + bias_bytes + y_bytes);
  EXPECT_EQ(cost.flops, 2 * product_count);
}

TEST(Cost, CountsATensorOnceAndAnUpdateTwice) {
  ConvStep step;
  step.step.signature = {.outputs = {}, .saved = {}, .updates = {1}};
  step.step.site.in = {step.x, step.w, step.x};
  step.step.site.out.clear();
  EXPECT_EQ(cost_of(step.step).bytes, x_bytes + 2 * w_bytes);
  EXPECT_EQ(cost_of(step.step).flops, 0);
}

TEST(Cost, TheFloorIsTheSlowerOfTheTwo) {
  EXPECT_DOUBLE_EQ(floor_seconds({.bytes = 100, .flops = 100}, {.bytes = 10, .flops = 50}), 10);
  EXPECT_DOUBLE_EQ(floor_seconds({.bytes = 100, .flops = 1000}, {.bytes = 10, .flops = 50}), 20);
}

}  // namespace
}  // namespace dlfs::testing
