#include "dlfs/ops/loss_scale/loss_scale.h"

#include <gtest/gtest.h>

#include <limits>

#include "dlfs/testing/cases.h"
#include "dlfs/testing/devices.h"
#include "dlfs/testing/op_checks.h"

namespace dlfs::testing {

std::vector<OpCase> loss_scale_cases() {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  struct Row {
    std::string name;
    int steps;
    double scale = 1024;
    int bad = -1;  // the gradient that is not finite
    bool speed = false;
  };
  std::vector<OpCase> all;
  for (const Row& row : std::vector<Row>{
           {.name = "finite", .steps = 5},
           {.name = "grows", .steps = 1999},
           {.name = "grows no further", .steps = 1999, .scale = 16777216},
           {.name = "the first is infinite", .steps = 5, .bad = 0},
           {.name = "the last is infinite", .steps = 1999, .bad = 2},
           {.name = "speed 25 million", .steps = 5, .speed = true},
       }) {
    OpCase of{.name = "loss_scale/" + row.name,
              .function = loss_scale_function({}),
              .inputs = {{.spec = {{1, 1, 1, 1}}, .given = {row.scale}},
                         {.spec = {{1, 1, 1, 1}}},
                         {.spec = {{1, 1, 1, 2}, DType::i32}, .given = {double(row.steps), 7}}},
              .golden = false,
              .speed = row.speed,
              .narrow = true};
    int number = 0;
    for (const Shape& shape : row.speed ? std::vector<Shape>{{1000, 1, 1, 2048}, {2048, 1, 1, 11240}}
                                        : std::vector<Shape>{{5, 3, 3, 3}, {1, 1, 1, 1}, {400, 1, 1, 257}}) {
      CaseInput gradient{.spec = {shape}, .matrix = true};
      if (number++ == row.bad) {
        gradient.given.assign(static_cast<size_t>(shape.count()), 1);
        gradient.given.back() = -infinity;
      }
      of.inputs.push_back(gradient);
    }
    all.push_back(of);
  }
  return all;
}

DLFS_OP_TESTS_WITHOUT_GOLDEN(LossScale, loss_scale_cases())

}  // namespace dlfs::testing
