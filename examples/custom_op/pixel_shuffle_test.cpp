#include "custom_op/pixel_shuffle.h"

#include <gtest/gtest.h>

#include "dlfs/testing/devices.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/op_checks.h"

namespace custom_op {
using namespace dlfs::testing;

std::vector<OpCase> pixel_shuffle_cases() {
  struct Row {
    std::string name;
    Shape x;
    PixelShuffleSettings settings = {};
    bool speed = false;
  };
  std::vector<OpCase> all;
  for (const Row& row : std::vector<Row>{
           {.name = "factor 2", .x = {2, 3, 5, 12}},
           {.name = "factor 3, one channel", .x = {3, 4, 2, 9}, .settings = {.factor = 3}},
           {.name = "factor 1", .x = {2, 3, 3, 5}, .settings = {.factor = 1}},
           {.name = "inverse", .x = {2, 6, 10, 3}, .settings = {.inverse = true}},
           {.name = "inverse, factor 4", .x = {1, 8, 12, 2}, .settings = {.factor = 4, .inverse = true}},
           {.name = "speed super-resolution",
           .x = {16, 128, 128, 48},
           .settings = {.factor = 4},
           .speed = true},
           {.name = "speed first layer",
           .x = {64, 224, 224, 3},
           .settings = {.inverse = true},
           .speed = true},
       })
    all.push_back({.name = "pixel_shuffle/" + row.name,
                   .function = pixel_shuffle_function(row.settings),
                   .inputs = {{.spec = {row.x}}},
                   .smooth = true,
                   .golden = !row.speed,
                   .speed = row.speed});
  return all;
}

DLFS_OP_TESTS_WITHOUT_GOLDEN(PixelShuffle, pixel_shuffle_cases())

// The order of PyTorch's pixel_shuffle, by hand: two channels of a block of 2 x 2 pixels.
TEST(PixelShuffle, PutsChannelsWherePyTorchDoes) {
  const auto cpu = open_cpu();
  const OpCase of{
      .name = "order", .function = pixel_shuffle_function({}), .inputs = {{.spec = {{1, 1, 1, 8}}}}};
  OpRun run(*cpu, of);
  run.set_input(0, {0, 1, 2, 3, 10, 11, 12, 13});
  run.forward();
  EXPECT_EQ(run.results()[0], (Numbers{0, 10, 1, 11, 2, 12, 3, 13}));
}

TEST(PixelShuffle, NamesBothValuesOfWhatDoesNotFit) {
  const auto infer = [](const Shape& x, const PixelShuffleSettings& settings) {
    return [=] { pixel_shuffle_function(settings)->infer({{Spec{x}}}); };
  };
  expect_error<ShapeError>(infer({1, 2, 2, 6}, {}),
                           "[pixel_shuffle] x [1,2,2,6] has 6 channels, but factor 2 makes pixels of 4");
  expect_error<ShapeError>(infer({1, 4, 5, 1}, {.inverse = true}),
                           "[pixel_shuffle] x [1,4,5,1] has 4x5 pixels, but factor 2 makes blocks of 2x2");
  expect_error<ShapeError>(infer({1, 4, 4, 1}, {.factor = 0}),
                           "[pixel_shuffle] factor 0 is not between 1 and 64");
}

}  // namespace custom_op
