#include "dlfs/ops/adam/adam.h"

#include <gtest/gtest.h>

#include "dlfs/testing/cases.h"
#include "dlfs/testing/devices.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/op_checks.h"
#include "dlfs/testing/update_case.h"

namespace dlfs::testing {

std::vector<OpCase> adam_cases() {
  struct Row {
    std::string name;
    int steps;  // that were done before
    AdamSettings settings = {};
    std::vector<Shape> parameters = {{5, 3, 3, 2}, {1, 1, 1, 5}, {7, 1, 1, 13}};
    bool speed = false;
    bool compare = true;
    double factor = 0;    // 0: none
    bool copies = false;  // of 16 bits, as the gradients
    std::vector<char> vectors = {};
  };
  std::vector<OpCase> all;
  for (const Row& row : std::vector<Row>{
           {.name = "first step", .steps = 0},
           {.name = "second step", .steps = 1},
           {.name = "step 1001", .steps = 1000},
           {.name = "step 10000001", .steps = 10000000},
           {.name = "decay", .steps = 3, .settings = {.weight_decay = 0.05}},
           {.name = "adamw", .steps = 3, .settings = {.weight_decay = 0.05, .decoupled = true}},
           {.name = "other betas", .steps = 9, .settings = {.beta1 = 0, .beta2 = 0.99, .epsilon = 0.01}},
           {.name = "one large, one small", .steps = 20, .parameters = {{40, 5, 5, 20}, {1, 1, 1, 1}}},
           {.name = "speed 25 million",
           .steps = 1000,
           .settings = {.weight_decay = 0.05, .decoupled = true},
           .parameters = {{1000, 1, 1, 2048}, {512, 3, 3, 512}, {2048, 1, 1, 10240}},
           .speed = true,
           .compare = false},
           {.name = "factor", .steps = 3, .settings = {.weight_decay = 0.05}, .factor = 0.25},
           {.name = "the second does not decay",
           .steps = 3,
           .settings = {.weight_decay = 0.5, .decoupled = true},
           .factor = 1,
           .vectors = {0, 1, 0}},
           {.name = "copies", .steps = 3, .factor = 0.5, .copies = true},
       }) {
    OpCase of{.name = "adam/" + row.name,
              .function = adam_function(row.settings, row.vectors),
              .inputs = {{.spec = {{1, 1, 1, 1}}, .low = 0.005, .high = 0.01},
                         // a number that is told: the first of "some" is always `ignored`
                         {.spec = {{1, 1, 1, 1}, DType::i32}, .some_ignored = true, .ignored = row.steps}},
              .golden = !row.speed && row.factor == 0 && !row.copies,
              .speed = row.speed,
              .compare = row.compare,
              .narrow = row.copies};
    for (int part = 0; part < 4; ++part)
      for (const Shape& shape : row.parameters)
        of.inputs.push_back({.spec = {shape},
                             .low = part == 3 ? 0.01 : -1,  // v is a mean of squares
                             .matrix = row.copies && part == 1});
    append_copies_and_factor(of, row.parameters, row.copies, row.factor);
    all.push_back(of);
  }
  return all;
}

DLFS_OP_TESTS(Adam, adam_cases())

// Every step of a run counts once.
static void expect_counted_steps(Device& device) {
  const OpCase of = adam_cases()[0];
  OpRun run(device, of);
  for (const double steps : {1, 2, 3}) {
    run.forward();
    EXPECT_EQ(run.results().back(), Numbers{steps});
  }
}

TEST(Adam, CountsItsSteps) { expect_counted_steps(*open_cpu()); }

TEST(GpuAdam, CountsItsSteps) {
  DLFS_NEEDS_GPU(gpu);
  expect_counted_steps(*gpu);
}

TEST(Adam, NamesBothValuesOfWhatDoesNotFit) {
  const Spec rate{{1, 1, 1, 1}}, steps{{1, 1, 1, 1}, DType::i32}, four{{1, 1, 1, 4}}, five{{1, 1, 1, 5}};
  const auto infer = [](const std::vector<Spec>& in, const AdamSettings& settings) {
    adam_function(settings)->infer({in});
  };
  expect_error<ShapeError>(
      [&] {
        infer({rate, rate, four, four, four, four, absent, absent}, {});
      },
      "[adam] the rate must be f32 [1,1,1,1] and the steps done i32 [1,1,1,1]");
  expect_error<ShapeError>(
      [&] {
        infer({rate, steps, four, four, four, five, absent, absent}, {});
      },
      "[adam] parameter 0 is f32 [1,1,1,4], but its adam_v is f32 [1,1,1,5]; both must be f32 and of one "
      "shape");
  expect_error<ShapeError>(
      [&] {
        infer({rate, steps, four, four, four}, {});
      },
      "[adam] 2 tensors are not rows of 5");
  expect_error<ShapeError>(
      [&] {
        infer({rate, steps}, {.beta2 = 1});
      },
      "[adam] a beta of 1 is not at least 0 and below 1");
  expect_error<ShapeError>(
      [&] {
        infer({rate, steps}, {.epsilon = 0});
      },
      "[adam] epsilon 0 is not above 0 as a float");
  expect_error<ShapeError>(
      [&] {
        infer({rate, steps}, {.epsilon = 1e-46});
      },
      "[adam] epsilon 1e-46 is not above 0 as a float");
}

}  // namespace dlfs::testing
