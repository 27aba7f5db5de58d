#include "dlfs/ops/sgd/sgd.h"

#include <gtest/gtest.h>

#include "dlfs/testing/cases.h"
#include "dlfs/testing/devices.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/op_checks.h"

namespace dlfs::testing {

std::vector<OpCase> sgd_cases() {
  struct Row {
    std::string name;
    std::vector<Shape> parameters;
    SgdSettings settings = {};
    bool speed = false;
  };
  const std::vector<Shape> three = {{5, 3, 3, 2}, {1, 1, 1, 5}, {7, 1, 1, 13}};
  std::vector<OpCase> all;
  for (const Row& row : std::vector<Row>{
           {.name = "plain", .parameters = three, .settings = {.momentum = 0}},
           {.name = "momentum", .parameters = three},
           {.name = "momentum, decay", .parameters = three, .settings = {.weight_decay = 0.05f}},
           {.name = "nesterov, decay",
           .parameters = three,
           .settings = {.weight_decay = 0.05f, .nesterov = true}},
           {.name = "one large, one small", .parameters = {{40, 5, 5, 20}, {1, 1, 1, 1}}},
           {.name = "speed 25 million",
           .parameters = {{1000, 1, 1, 2048}, {512, 3, 3, 512}, {2048, 1, 1, 10240}},
           .speed = true},
       }) {
    OpCase of{.name = "sgd/" + row.name,
              .function = sgd_function(row.settings),
              .inputs = {{.spec = {{1, 1, 1, 1}}, .low = 0.05, .high = 0.1}},
              .golden = !row.speed,
              .speed = row.speed};
    for (int part = 0; part < (row.settings.momentum != 0 ? 3 : 2); ++part)
      for (const Shape& shape : row.parameters) of.inputs.push_back({.spec = {shape}});
    all.push_back(of);
  }
  return all;
}

DLFS_OP_TESTS(Sgd, sgd_cases())

TEST(Sgd, NamesBothValuesOfWhatDoesNotFit) {
  const Spec rate{{1, 1, 1, 1}};
  expect_error<ShapeError>(
      [&] {
        sgd_function({.momentum = 0})->infer({{rate, Spec{{1, 1, 1, 4}}, Spec{{1, 1, 1, 5}}}});
      },
      "[sgd] parameter 0 is f32 [1,1,1,4], but its gradient is f32 [1,1,1,5]; both must be f32 and "
      "of one shape");
  expect_error<ShapeError>([&] { sgd_function({.momentum = 0, .nesterov = true})->infer({{rate}}); },
                           "[sgd] nesterov needs a momentum above 0");
}

}  // namespace dlfs::testing
