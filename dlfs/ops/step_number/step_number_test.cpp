#include "dlfs/ops/step_number.h"

#include <gtest/gtest.h>

#include "dlfs/graph/plan.h"
#include "dlfs/testing/cases.h"
#include "dlfs/testing/devices.h"
#include "dlfs/testing/op_checks.h"

namespace dlfs::testing {

std::vector<OpCase> step_number_cases() {
  return {{.name = "step_number/advances",
           .function = step_number_function(),
           .inputs = {{.spec = {{1, 1, 1, 1}, DType::i32}, .below = 1000}},
           .golden = false}};
}

DLFS_OP_TESTS_WITHOUT_GOLDEN(StepNumber, step_number_cases())

TEST(StepNumber, IsWrittenInPlace) {
  const auto cpu = open_cpu();
  const OpCase of = step_number_cases()[0];
  OpRun run(*cpu, of);
  run.set_input(0, {41});
  run.forward();
  EXPECT_EQ(run.results(), std::vector<Numbers>{{42}});
}

// A plan that does nothing but ask; the second to ask gets what the first got.
static Plan asking_plan(State& state, Mode mode) {
  Trace trace(state, {.mode = mode});
  const Value first = step_number(trace);
  const auto scope = trace.scope("elsewhere");
  trace.output("first", first);
  trace.output("second", step_number(trace));
  return Plan(std::move(trace));
}

static int32_t read(Device& device, const Tensor& step) {
  int32_t number = -1;
  device.download(step, &number, device.stream());
  return number;
}

static void expect_one_more_each_step(Device& device) {
  State state(1);
  Plan training = asking_plan(state, Mode::train), other = asking_plan(state, Mode::train),
       inference = asking_plan(state, Mode::infer);
  for (Plan* plan : {&training, &other, &inference}) plan->compile(device);
  EXPECT_EQ(training["first"].data, training["second"].data);
  EXPECT_EQ(read(device, training["first"]), 0);
  for (int step = 1; step <= 3; ++step) {
    training.run(device.stream());
    EXPECT_EQ(read(device, training["first"]), step);
  }
  Observer nobody;
  training.run(device.stream(), nobody);
  other.run(device.stream());
  EXPECT_EQ(read(device, training["first"]), 5) << "all plans of one State count together";
  inference.run(device.stream());
  EXPECT_EQ(read(device, inference["first"]), 5) << "inference is no step";
}

TEST(StepNumber, IsOneMoreEachStep) { expect_one_more_each_step(*open_cpu()); }

TEST(GpuStepNumber, IsOneMoreEachStep) {
  DLFS_NEEDS_GPU(gpu);
  expect_one_more_each_step(*gpu);
}

}  // namespace dlfs::testing
