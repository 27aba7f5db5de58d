#include "dlfs/ops/subsample/subsample.h"

#include <gtest/gtest.h>

#include "dlfs/testing/cases.h"
#include "dlfs/testing/devices.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/op_checks.h"

namespace dlfs::testing {

std::vector<OpCase> subsample_cases() {
  struct Row {
    std::string name;
    Shape x;
    SubsampleSettings settings;
    bool speed = false;
  };
  std::vector<OpCase> all;
  for (const Row& row : std::vector<Row>{
           {.name = "twice the channels", .x = {3, 6, 8, 16}, .settings = {.channels = 32}},
           {.name = "odd sizes, fours", .x = {2, 7, 5, 4}, .settings = {.channels = 20}},
           {.name = "odd channels", .x = {2, 7, 5, 3}, .settings = {.channels = 8}},
           {.name = "zeros not in fours", .x = {2, 4, 4, 4}, .settings = {.channels = 8}},
           {.name = "no zeros, stride 3", .x = {2, 8, 9, 8}, .settings = {.stride = 3, .channels = 8}},
           {.name = "zeros alone", .x = {2, 3, 3, 8}, .settings = {.stride = 1, .channels = 16}},
           {.name = "one pixel", .x = {2, 1, 1, 5}, .settings = {.stride = 4, .channels = 6}},
           {.name = "speed resnet20", .x = {128, 32, 32, 16}, .settings = {.channels = 32}, .speed = true},
       })
    all.push_back({.name = "subsample/" + row.name,
                   .function = subsample_function(row.settings),
                   .inputs = {{.spec = {row.x}, .matrix = true}},
                   .smooth = true,
                   .golden = !row.speed,
                   .speed = row.speed,
                   .narrow = true});
  return all;
}

DLFS_OP_TESTS(Subsample, subsample_cases())

TEST(Subsample, KeepsEveryOtherPixelBetweenZeros) {
  const auto cpu = open_cpu();
  const OpCase of{.name = "subsample/by hand",
                  .function = subsample_function({.channels = 4}),
                  .inputs = {{.spec = {{1, 3, 4, 1}}}}};
  OpRun run(*cpu, of);
  run.set_input(0, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  run.forward();
  EXPECT_EQ(run.results()[0], (Numbers{0, 1, 0, 0, 0, 3, 0, 0, 0, 9, 0, 0, 0, 11, 0, 0}));
}

TEST(Subsample, NamesBothValuesOfWhatDoesNotFit) {
  State state(1);
  Trace trace(state);
  const Value x = trace.input("x", {{2, 4, 4, 8}}),
              labels = trace.input("labels", {{2, 1, 1, 1}, DType::i32});
  expect_error<ShapeError>([&] { subsample(x, {.channels = 4}); },
                           "[subsample] x [2,4,4,8] has 8 channels, but y only 4; channels are added");
  expect_error<ShapeError>([&] { subsample(x, {.stride = 0, .channels = 8}); },
                           "[subsample] stride is 0, but must be at least 1");
  expect_error<ShapeError>([&] { subsample(labels, {.channels = 1}); },
                           "[subsample] x is i32 [2,1,1,1], but must be f32, f16 or bf16");
}

}  // namespace dlfs::testing
