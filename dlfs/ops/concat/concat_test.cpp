#include "dlfs/ops/concat/concat.h"

#include <gtest/gtest.h>

#include "dlfs/testing/cases.h"
#include "dlfs/testing/devices.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/op_checks.h"

namespace dlfs::testing {

std::vector<OpCase> concat_cases() {
  struct Row {
    std::string name;
    Shape pixels;  // without channels
    std::vector<int> channels;
    bool speed = false;
    bool compare = true;
  };
  std::vector<OpCase> all;
  for (const Row& row : std::vector<Row>{
           {.name = "two", .pixels = {2, 3, 5}, .channels = {8, 12}},
           {.name = "one", .pixels = {2, 3, 5}, .channels = {8}},
           {.name = "odd channels", .pixels = {2, 3, 5}, .channels = {3, 1, 7}},
           {.name = "fours between odd ones", .pixels = {2, 4, 4}, .channels = {4, 6, 8, 2, 4}},
           {.name = "vectors", .pixels = {3, 1, 1}, .channels = {300, 20, 1}},
           {.name = "speed skip connection",
           .pixels = {16, 128, 128},
           .channels = {64, 64},
           .speed = true,
           .compare = false},
           {.name = "speed inception",
           .pixels = {64, 28, 28},
           .channels = {128, 192, 96, 64},
           .speed = true,
           .compare = false},
           {.name = "speed odd channels", .pixels = {16, 128, 128}, .channels = {64, 3}, .speed = true},
       }) {
    OpCase of{.name = "concat/" + row.name,
              .function = concat_function({row.channels}),
              .inputs = {},
              .smooth = true,
              .golden = !row.speed,
              .speed = row.speed,
              .compare = row.compare,
              .narrow = true};
    for (const int channels : row.channels)
      of.inputs.push_back({.spec = {{row.pixels.n, row.pixels.h, row.pixels.w, channels}}, .matrix = true});
    all.push_back(of);
  }
  return all;
}

DLFS_OP_TESTS(Concat, concat_cases())

// One value is the first map and the third: its two gradients lie in one tensor. The second map needs none.
static void expect_sum_for_a_value_used_twice(Device& device) {
  const MemoryPtr memory = device.allocate(2 * alignment);
  const Tensor d_y{{{2, 1, 1, 8}}, memory->at(0)}, d_map{{{2, 1, 1, 3}}, memory->at(alignment)};
  const std::vector<float> gradients = {1, 2, 3, 0, 0, 10, 20, 30, 4, 5, 6, 0, 0, 40, 50, 60};
  device.upload(d_y, gradients.data(), device.stream());
  Scratch scratch;
  const Site site{{}, {}, {}, {d_y}, {{d_map, Write::set}, {}, {d_map, Write::add}}, scratch};
  const KernelPtr backward = concat_function({{3, 2, 3}})->backward(device, site);
  for (int run = 0; run < 2; ++run) backward->run(device.stream());
  std::vector<float> found(6);
  device.download(d_map, found.data(), device.stream());
  EXPECT_EQ(found, (std::vector<float>{11, 22, 33, 44, 55, 66}));
}

TEST(Concat, AddsUpWhereAValueIsUsedTwice) { expect_sum_for_a_value_used_twice(*open_cpu()); }

TEST(GpuConcat, AddsUpWhereAValueIsUsedTwice) {
  DLFS_NEEDS_GPU(gpu);
  expect_sum_for_a_value_used_twice(*gpu);
}

TEST(Concat, NamesBothValuesOfWhatDoesNotFit) {
  State state(1);
  Trace trace(state);
  const Value a = trace.input("a", {{2, 4, 4, 8}}), b = trace.input("b", {{2, 4, 5, 8}}),
              c = trace.input("c", {{2, 4, 4, 1}, DType::i32});
  const auto scope = trace.scope("neck");
  expect_error<ShapeError>(
      [&] {
        concat({a, a, b});
      },
      "[concat] neck: map 2 is [2,4,5,8], but map 0 is [2,4,4,8]; only their channels may differ");
  expect_error<ShapeError>(
      [&] {
        concat({a, c});
      },
      "[concat] neck: map 1 is i32 [2,4,4,1], but must be f32, f16 or bf16");
  const Value half = trace.input("half", {{2, 4, 4, 8}, DType::f16});
  expect_error<ShapeError>(
      [&] {
        concat({a, half});
      },
      "[concat] neck: map 1 is f16 [2,4,4,8], but map 0 is f32 [2,4,4,8]; give all one type");
  expect_error<ShapeError>([&] { concat({a, Value{}}); }, "[concat] map 1 is a null value");
  expect_error<ShapeError>([&] { concat(std::vector<Value>{}); },
                           "[concat] there are no maps; give one or more");
}

}  // namespace dlfs::testing
