#include "dlfs/ops/reduce/reduce.h"

#include <gtest/gtest.h>

#include "dlfs/testing/cases.h"
#include "dlfs/testing/devices.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/op_checks.h"

namespace dlfs::testing {

std::vector<OpCase> reduce_cases() {
  struct Row {
    std::string name;
    ReduceSettings settings;
    Shape x = {3, 4, 5, 8};
    bool speed = false;
  };
  const Shape odd{3, 5, 4, 7};
  std::vector<OpCase> all;
  for (const Row& row : std::vector<Row>{
           {"sum/all", {Over::all}},
           {"sum/spatial", {Over::spatial}},
           {"sum/positions", {Over::positions}},
           {"sum/channels", {Over::channels}},
           {"sum/images", {Over::images}},
           {"mean/all, odd", {Over::all, true}, odd},
           {"mean/spatial, odd", {Over::spatial, true}, odd},
           {"mean/positions, odd", {Over::positions, true}, odd},
           {"mean/channels, odd", {Over::channels, true}, odd},
           {"mean/images, odd", {Over::images, true}, odd},
           {"mean/spatial of one pixel", {Over::spatial, true}, {4, 1, 1, 6}},
           {"sum/channels of one", {Over::channels}, {2, 3, 5, 1}},
           {"sum/one number", {Over::all}, {1, 1, 1, 1}},
           {"sum/many in all", {Over::all}, {4, 40, 41, 12}},
           {"sum/many channels", {Over::channels}, {2, 3, 5, 1300}},
           {"sum/many positions", {Over::positions}, {8, 33, 31, 20}},
           {"mean/wide", {Over::positions, true}, {16, 6, 6, 300}},
           {"sum/speed batch norm", {Over::positions}, {16, 56, 56, 256}, true},
           {"mean/speed resnet head", {Over::spatial, true}, {64, 7, 7, 2048}, true},
           {"sum/speed softmax rows", {Over::channels}, {256, 28, 28, 20}, true},
           {"sum/speed channels", {Over::channels}, {16, 56, 56, 256}, true},
           {"mean/speed all", {Over::all, true}, {16, 56, 56, 256}, true},
       })
    all.push_back({.name = row.name,
                   .function = reduce_function(row.settings),
                   .inputs = {{.spec = {row.x}, .matrix = true}},
                   .smooth = true,
                   .golden = !row.speed,
                   .speed = row.speed,
                   .narrow = true});
  return all;
}

DLFS_OP_TESTS(Reduce, reduce_cases())

TEST(Reduce, KnowsItsShapes) {
  const auto shape = [](Over over) {
    const Signature signature = reduce_function({.over = over})->infer({{Spec{{2, 3, 4, 5}}}});
    return concat(to_string(signature.outputs[0].shape), " of ", signature.terms);
  };
  EXPECT_EQ(shape(Over::all), "[1,1,1,1] of 120");
  EXPECT_EQ(shape(Over::spatial), "[2,1,1,5] of 12");
  EXPECT_EQ(shape(Over::positions), "[1,1,1,5] of 24");
  EXPECT_EQ(shape(Over::channels), "[2,3,4,1] of 5");
  EXPECT_EQ(shape(Over::images), "[1,3,4,5] of 2");
}

// For all ops in one place (ops/halves.h).
TEST(Reduce, IsRefusedInF16OnACpu) {
  const auto cpu = open_cpu();
  const OpCase of = narrow_twin(reduce_cases()[0], Precision::f16);
  OpRun run(*cpu, of);
  const std::string refusal = "[sum] a CPU computes in f32 or bf16, not f16; take --precision bf16 or f32";
  expect_error<DeviceError>([&] { run.forward(); }, refusal);
  expect_error<DeviceError>([&] { run.backward(Write::set); }, refusal);
}

TEST(Reduce, NamesWhatItCannotTake) {
  expect_error<ShapeError>(
      [] {
        reduce_function({.over = Over::all})->infer({{Spec{{1, 2, 2, 3}, DType::i32}}});
      },
      "[sum] x is i32 [1,2,2,3], but must be f32, f16 or bf16");
  expect_error<ShapeError>(
      [] { sum(Value{}, Over::all); },
      "[trace] a null value is no input here; only some inputs, a bias say, may be left out");
}

}  // namespace dlfs::testing
