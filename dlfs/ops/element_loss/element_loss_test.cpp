#include "dlfs/ops/element_loss/element_loss.h"

#include <gtest/gtest.h>

#include <cmath>

#include "dlfs/testing/cases.h"
#include "dlfs/testing/devices.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/op_checks.h"

namespace dlfs::testing {
namespace {

constexpr ElementFormula cross_entropy = ElementFormula::sigmoid_cross_entropy,
                         squared = ElementFormula::squared_error, l1 = ElementFormula::smooth_l1;

struct Range {
  double low = -1, high = 1;
};

}  // namespace

std::vector<OpCase> element_loss_cases() {
  struct Row {
    std::string name;
    ElementLossSettings settings;
    Range prediction = {}, target = {};
    Spec weights = absent;
    Shape shape = {2, 3, 4, 5};
    bool speed = false;
  };
  std::vector<OpCase> all;
  for (const Row& row : std::vector<Row>{
           {"mean", {cross_entropy}, {-4, 4}, {0, 1}},
           {"sum", {cross_entropy, Reduction::sum}, {-4, 4}, {0, 1}},
           {"large logits", {cross_entropy}, {-60, 60}, {0, 1}},
           {"weights of images", {cross_entropy}, {-4, 4}, {0, 1}, {{2, 1, 1, 1}}},
           {"weights of positions", {cross_entropy}, {-4, 4}, {0, 1}, {{2, 3, 4, 1}}},
           {"weights of elements", {cross_entropy}, {-4, 4}, {0, 1}, {{2, 3, 4, 5}}},
           {"three blocks", {cross_entropy}, {-4, 4}, {0, 1}, {{2, 5, 7, 1}}, {2, 5, 7, 9}},
           {"mean", {squared}},
           {"sum", {squared, Reduction::sum}, {}, {}, {{2, 3, 4, 1}}},
           {"weights of images", {squared}, {}, {}, {{2, 1, 1, 1}}},
           {"beta 1", {l1}, {-3, 3}},
           {"beta 0.25", {l1, Reduction::mean, 0.25F}, {-1, 1}, {-0.1, 0.1}, {{2, 3, 4, 1}}},
           {"sum", {l1, Reduction::sum}, {-3, 3}, {}, {{2, 1, 1, 1}}},
           {"L1 above",
            {l1, Reduction::mean, 0},
            {2, 3}},  // on one side of the kink, for the differences' sake
           {"L1 below", {l1, Reduction::sum, 0}, {-3, -2}},
           {"speed retinanet", {cross_entropy}, {-4, 4}, {0, 1}, {{8, 100, 136, 1}}, {8, 100, 136, 80}, true},
           {"speed retinanet", {l1}, {-3, 3}, {}, {{8, 100, 136, 1}}, {8, 100, 136, 36}, true},
       }) {
    const FunctionPtr function = element_loss_function(row.settings);
    all.push_back(
        {.name = function->name() + "/" + row.name,
         .function = function,
         .inputs =
             {{.spec = {row.shape}, .low = row.prediction.low, .high = row.prediction.high, .matrix = true},
              {.spec = {row.shape}, .low = row.target.low, .high = row.target.high},
              {.spec = row.weights, .low = 0.5, .high = 1.5}},
         .step = 1.0 / 128,
         .smooth = true,
         .golden = !row.speed,
         .speed = row.speed,
         .narrow = true});
  }
  return all;
}

DLFS_OP_TESTS(ElementLoss, element_loss_cases())

namespace {

struct Found {
  double loss;
  Numbers d_prediction, d_target;
};

// The sum, and its gradients where 2 arrives.
Found run(Device& device, ElementFormula formula, const Numbers& prediction, const Numbers& target,
          float beta = 1) {
  const Spec spec{{1, 1, 1, static_cast<int>(prediction.size())}};
  const OpCase of{.name = "element_loss/odd",
                  .function = element_loss_function({formula, Reduction::sum, beta}),
                  .inputs = {{.spec = spec}, {.spec = spec}, {}}};
  OpRun run(device, of);
  run.set_input(0, prediction);
  run.set_input(1, target);
  run.set_d_out(0, {2});
  run.forward();
  run.backward(Write::set);
  return {run.results()[0][0], run.gradients()[0], run.gradients()[1]};
}

void expect_odd_values(Device& device) {
  Found found = run(device, cross_entropy, {1e30, -1e30, 1e30, -1e30}, {1, 0, 0.5, 1});
  EXPECT_NEAR(found.loss, 1.5e30, 1e24);
  EXPECT_EQ(found.d_prediction, Numbers({0, 0, 1, -2}));
  EXPECT_EQ(run(device, cross_entropy, {1e30, -1e30}, {1, 0}).loss, 0);

  found = run(device, l1, {0.5, -0.5, 1, -3, 7}, {0, 0, 0, 0, 7});
  EXPECT_EQ(found.loss, 0.125 + 0.125 + 0.5 + 2.5 + 0);
  EXPECT_EQ(found.d_prediction, Numbers({1, -1, 2, -2, 0}));
  EXPECT_EQ(found.d_target, Numbers({-1, 1, -2, 2, 0}));
  found = run(device, l1, {0.5, -3, 7}, {0, 0, 7}, 0);
  EXPECT_EQ(found.loss, 3.5);
  EXPECT_EQ(found.d_prediction, Numbers({2, -2, 0}));

  EXPECT_EQ(run(device, squared, {3}, {1}).loss, 4) << "one element";
  EXPECT_EQ(run(device, squared, {3}, {1}).d_prediction, Numbers({8}));
}

void expect_nan_to_show(Device& device) {
  for (const ElementFormula formula : {cross_entropy, squared, l1})
    for (const float beta : {1.0F, 0.0F})
      for (const bool in_target : {false, true}) {
        Numbers prediction{0.5, 0.25}, target{0.75, 1};
        (in_target ? target : prediction)[0] = std::nan("");
        const Found found = run(device, formula, prediction, target, beta);
        const std::string name = element_loss_function({formula})->name();
        EXPECT_TRUE(std::isnan(found.loss)) << name;
        EXPECT_TRUE(std::isnan(found.d_prediction[0])) << name << ", beta " << beta;
        EXPECT_FALSE(std::isnan(found.d_prediction[1])) << name;
      }
}

}  // namespace

TEST(ElementLoss, IsExactAtKinksAndFarOut) { expect_odd_values(*open_cpu()); }
TEST(ElementLoss, ShowsNaN) { expect_nan_to_show(*open_cpu()); }

TEST(GpuElementLoss, IsExactAtKinksAndFarOut) {
  DLFS_NEEDS_GPU(gpu);
  expect_odd_values(*gpu);
}

TEST(GpuElementLoss, ShowsNaN) {
  DLFS_NEEDS_GPU(gpu);
  expect_nan_to_show(*gpu);
}

TEST(ElementLoss, NamesBothValuesOfWhatDoesNotFit) {
  const auto infer = [](Spec prediction, Spec target, Spec weights, ElementLossSettings settings) {
    element_loss_function(settings)->infer({{prediction, target, weights}});
  };
  expect_error<ShapeError>(
      [&] {
        infer({{8, 1, 1, 4}}, {{8, 1, 1, 1}}, absent, {squared});
      },
      "[mean_squared_error] the prediction is f32 [8,1,1,4] and the target f32 [8,1,1,1], but must be f32 "
      "[8,1,1,4]");
  expect_error<ShapeError>(
      [&] {
        infer({{8, 2, 3, 4}}, {{8, 2, 3, 4}}, {{1, 1, 1, 4}}, {cross_entropy});
      },
      "[sigmoid_cross_entropy] weights are f32 [1,1,1,4], but for a prediction [8,2,3,4] must be f32 "
      "[8,2,3,4], f32 [8,2,3,1] or f32 [8,1,1,1]");
  expect_error<ShapeError>(
      [&] {
        infer({{1}}, {{1}}, absent, {l1, Reduction::mean, -1});
      },
      "[smooth_l1] beta -1 is not a number of at least 0");
}

// What the three are called and what they are given.
TEST(ElementLoss, IsThreeFunctionsOfATrace) {
  State state(1);
  Trace trace(state);
  const Value p = trace.input("p", {{2, 3, 4, 5}}), t = trace.input("t", {{2, 3, 4, 5}}),
              w = trace.input("w", {{2, 1, 1, 1}});
  trace.loss("a", sigmoid_cross_entropy(p, t, w, {.reduction = Reduction::sum}));
  trace.loss("b", mean_squared_error(p, t));
  trace.loss("c", smooth_l1(p, t, {}, {.beta = 0.5F}));
  std::vector<std::string> calls;
  for (const Graph::Call& call : trace.graph().calls)
    calls.push_back(
        concat(call.function->name(), " ", call.function->settings(), call.in[2] < 0 ? "" : " weighted"));
  EXPECT_EQ(calls[0], R"(sigmoid_cross_entropy {"reduction": "sum", "beta": 1} weighted)");
  EXPECT_EQ(calls[1], R"(mean_squared_error {"reduction": "mean", "beta": 1})");
  EXPECT_EQ(calls[2], R"(smooth_l1 {"reduction": "mean", "beta": 0.5})");
}

}  // namespace dlfs::testing
