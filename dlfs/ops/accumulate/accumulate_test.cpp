#include "dlfs/ops/accumulate/accumulate.h"

#include <gtest/gtest.h>

#include "dlfs/graph/plan.h"
#include "dlfs/ops/elementwise/elementwise.h"
#include "dlfs/ops/reduce/reduce.h"
#include "dlfs/ops/sgd/sgd.h"
#include "dlfs/testing/cases.h"
#include "dlfs/testing/devices.h"
#include "dlfs/testing/op_checks.h"
#include "dlfs/testing/update_case.h"

namespace dlfs::testing {

std::vector<OpCase> accumulate_cases() {
  struct Row {
    std::string name;
    std::vector<double> counts;
    double factor = 0;  // 0: none
  };
  std::vector<OpCase> all;
  for (const Row& row : std::vector<Row>{{.name = "the first", .counts = {0, 0}},
                                         {.name = "the second", .counts = {1, 1}, .factor = 0.25},
                                         {.name = "the last", .counts = {2, 2}, .factor = 0.5},
                                         {.name = "the last of a lost step", .counts = {2, 1}}}) {
    OpCase of{.name = "accumulate/" + row.name,
              .function = accumulate_function({.micro_batches = 3}),
              .inputs = {{.spec = {{1, 1, 1, 2}, DType::i32}, .given = row.counts}, {.spec = {{1, 1, 1, 1}}}},
              .golden = false,
              .narrow = true};
    const std::vector<Shape> shapes = {{5, 3, 3, 2}, {40, 5, 5, 20}, {1, 1, 1, 5}};
    for (const bool gradient : {false, true})
      for (const Shape& shape : shapes) of.inputs.push_back({.spec = {shape}, .matrix = gradient});
    append_copies_and_factor(of, shapes, false, row.factor);
    all.push_back(of);
  }
  return all;
}

DLFS_OP_TESTS_WITHOUT_GOLDEN(Accumulate, accumulate_cases())

// Three micro-batches a step, of gradients x * factor; p starts at 0 and is moved by their mean.
static void expect_mean_of_three(Device& device) {
  State state(1);
  Trace trace(state);
  const Value x = trace.input("x", {{1, 1, 1, 5}}), factor = trace.input("factor", {{1, 1, 1, 1}});
  const Value p = trace.param(state.add("p", {{1, 1, 1, 5}}, Role::parameter, {}));
  trace.loss("loss", sum(x * p, Over::all));
  sgd(trace, trace.input("rate", {{1, 1, 1, 1}}), {.momentum = 0},
      accumulate_gradients(trace, {.micro_batches = 3}, factor));
  trace.output("p", p);
  Plan plan(std::move(trace));
  plan.compile(device);
  const Stream stream = device.stream();
  const float rate = 1;
  device.upload(plan["rate"], &rate, stream);
  const auto after = [&](float gradient, float times) {
    const std::vector<float> values(5, gradient);
    device.upload(plan["x"], values.data(), stream);
    device.upload(plan["factor"], &times, stream);
    plan.run(stream);
    std::vector<float> found(5);
    device.download(plan["p"], found.data(), stream);
    for (const float one : found) EXPECT_EQ(one, found[0]);
    return found[0];
  };
  EXPECT_EQ(after(3, 1), 0);
  EXPECT_EQ(after(8, 0.5F), 0);
  EXPECT_FLOAT_EQ(after(2, 1), -3);
  // A micro-batch that does not count takes its step with it, wherever it stands.
  for (int bad = 0; bad < 3; ++bad)
    for (int i = 0; i < 3; ++i) EXPECT_FLOAT_EQ(after(100, i == bad ? 0 : 1), -3);
  EXPECT_FLOAT_EQ(after(1, 1), -3);
  EXPECT_FLOAT_EQ(after(1, 1), -3);
  EXPECT_FLOAT_EQ(after(4, 1), -5) << "nothing is left of what did not count";
}

TEST(Accumulate, GivesTheMeanOfAStep) { expect_mean_of_three(*open_cpu()); }

TEST(GpuAccumulate, GivesTheMeanOfAStep) {
  DLFS_NEEDS_GPU(gpu);
  expect_mean_of_three(*gpu);
}

TEST(Accumulate, OfOneIsNothing) {
  State state(1);
  Trace trace(state);
  const Value factor = trace.input("factor", {{1, 1, 1, 1}});
  EXPECT_EQ(trace.name(accumulate_gradients(trace, {}, factor)), "factor");
  EXPECT_TRUE(trace.graph().updates.empty());
  EXPECT_TRUE(state.entries().empty());
}

}  // namespace dlfs::testing
