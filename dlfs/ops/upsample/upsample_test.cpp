#include "dlfs/ops/upsample/upsample.h"

#include <gtest/gtest.h>

#include <limits>

#include "dlfs/testing/cases.h"
#include "dlfs/testing/devices.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/op_checks.h"

namespace dlfs::testing {

std::vector<OpCase> upsample_cases() {
  struct Row {
    std::string name;
    Shape x;
    UpsampleSettings settings;
    bool speed = false;
    bool compare = true;
  };
  const Interpolation bilinear = Interpolation::bilinear;
  std::vector<OpCase> all;
  for (const Row& row : std::vector<Row>{
           {.name = "nearest x2", .x = {2, 3, 4, 8}, .settings = {.factor = 2}},
           {.name = "nearest x3", .x = {1, 2, 3, 5}, .settings = {.factor = 3}},
           {.name = "nearest onto odd sizes", .x = {2, 7, 10, 4}, .settings = {.h = 13, .w = 19}},
           {.name = "nearest onto smaller", .x = {2, 9, 11, 3}, .settings = {.h = 4, .w = 5}},
           {.name = "nearest, one pixel", .x = {2, 1, 1, 4}, .settings = {.h = 3, .w = 5}},
           {.name = "bilinear x2", .x = {2, 3, 4, 8}, .settings = {.factor = 2, .interpolation = bilinear}},
           {.name = "bilinear x4", .x = {1, 5, 3, 3}, .settings = {.factor = 4, .interpolation = bilinear}},
           {.name = "bilinear onto odd sizes",
           .x = {2, 7, 10, 4},
           .settings = {.h = 13, .w = 19, .interpolation = bilinear}},
           {.name = "bilinear, lower and wider",
           .x = {2, 9, 5, 6},
           .settings = {.h = 4, .w = 11, .interpolation = bilinear}},
           {.name = "bilinear onto much smaller",
           .x = {1, 30, 21, 4},
           .settings = {.h = 4, .w = 5, .interpolation = bilinear}},
           {.name = "bilinear, same size",
           .x = {1, 4, 5, 4},
           .settings = {.factor = 1, .interpolation = bilinear}},
           {.name = "bilinear, one pixel",
           .x = {2, 1, 1, 4},
           .settings = {.h = 3, .w = 5, .interpolation = bilinear}},
           {.name = "speed pyramid",
           .x = {16, 50, 67, 256},
           .settings = {.h = 100, .w = 134},
           .speed = true,
           .compare = false},
           {.name = "speed bilinear x2",
           .x = {16, 64, 64, 128},
           .settings = {.factor = 2, .interpolation = bilinear},
           .speed = true,
           .compare = false},
           {.name = "speed bilinear, odd channels",
           .x = {16, 64, 64, 21},
           .settings = {.factor = 4, .interpolation = bilinear},
           .speed = true},
       })
    all.push_back({.name = "upsample/" + row.name,
                   .function = upsample_function(row.settings),
                   .inputs = {{.spec = {row.x}, .matrix = true}},
                   .step = 1.0 / 32,
                   .smooth = true,
                   .golden = !row.speed,
                   .speed = row.speed,
                   .compare = row.compare,
                   .narrow = true});
  return all;
}

DLFS_OP_TESTS(Upsample, upsample_cases())

// 2 / 82 is 1 / 41 rounded down, so 41 * (2 / 82) is below 1 in f32: PyTorch reads pixel 0 there, and so do we.
TEST(Upsample, NearestRoundsAsPyTorchDoes) {
  const std::vector<UpsampleSource> sources = upsample_sources(2, 82, Interpolation::nearest);
  EXPECT_EQ(sources[41].low, 0);
  EXPECT_EQ(sources[42].low, 1);
}

// Far from the edge too, where a position in f32 has no digits left for the share.
TEST(Upsample, SharesAreExactFarFromTheEdge) {
  const UpsampleSource source = upsample_sources(20000, 60000, Interpolation::bilinear)[59000];
  EXPECT_EQ(source.low, 19666);
  EXPECT_EQ(source.high, 19667);
  EXPECT_EQ(source.share, 1.0F / 3);
}

// Every output is told to the inputs that it reads and to no others.
TEST(Upsample, ReadersAreThoseThatRead) {
  for (const Interpolation interpolation : {Interpolation::nearest, Interpolation::bilinear})
    for (int from = 1; from <= 12; ++from)
      for (int to = 1; to <= 30; ++to) {
        const std::vector<UpsampleSource> sources = upsample_sources(from, to, interpolation);
        const std::vector<UpsampleReaders> readers = upsample_readers(from, sources);
        ASSERT_EQ(readers.size(), static_cast<size_t>(from));
        for (int input = 0; input < from; ++input)
          for (int output = 0; output < to; ++output) {
            const bool reads = sources[output].low == input || sources[output].high == input;
            const bool told = output >= readers[input].first && output < readers[input].last;
            EXPECT_EQ(reads, told) << from << " to " << to << ": " << output << " of " << input;
          }
      }
}

// A pixel's infinity stays its own: neighbours that it has no share in do not become NaN.
static void expect_infinity_kept(Device& device) {
  const double infinity = std::numeric_limits<double>::infinity();
  const OpCase of{.name = "upsample/infinity",
                  .function = upsample_function({.factor = 2}),
                  .inputs = {{.spec = {{1, 1, 2, 1}}}}};
  OpRun run(device, of);
  run.set_input(0, {infinity, 1});
  run.forward();
  EXPECT_EQ(run.results()[0], (Numbers{infinity, infinity, 1, 1, infinity, infinity, 1, 1}));
}

TEST(Upsample, InfinityIsKept) { expect_infinity_kept(*open_cpu()); }

TEST(GpuUpsample, InfinityIsKept) {
  DLFS_NEEDS_GPU(gpu);
  expect_infinity_kept(*gpu);
}

TEST(Upsample, NamesBothValuesOfWhatDoesNotFit) {
  const auto infer = [](Spec x, UpsampleSettings settings) { upsample_function(settings)->infer({{x}}); };
  expect_error<ShapeError>(
      [&] {
        infer({{1, 4, 4, 1}, DType::i32}, {.factor = 2});
      },
      "[upsample] x is i32 [1,4,4,1], but must be f32, f16 or bf16");
  expect_error<ShapeError>(
      [&] {
        infer({{1, 1, 1, 1}}, {.h = 200000000, .w = 1});
      },
      "[upsample] h 200000000 or w 1 is more than 16777216 rows or columns");
  expect_error<ShapeError>([&] { infer(absent, {.factor = 2}); },
                           "[upsample] x is left out, but must be f32, f16 or bf16");
  for (const UpsampleSettings wrong : std::vector<UpsampleSettings>{
           {}, {.factor = -1}, {.factor = 2, .h = 8, .w = 8}, {.h = 8}, {.h = 8, .w = -8}})
    expect_error<ShapeError>(
        [&] {
          infer({{1, 4, 4, 1}}, wrong);
        },
        concat("[upsample] factor ", wrong.factor, ", h ", wrong.h, " and w ", wrong.w,
               ": give a factor above 0, or both h and w"));
  expect_error<ShapeError>(
      [&] {
        infer({{1, 4, 4, 1}}, {.factor = 1 << 23});
      },
      "[upsample] factor 8388608 times x [1,4,4,1] is more than 16777216 rows or columns");
}

}  // namespace dlfs::testing
