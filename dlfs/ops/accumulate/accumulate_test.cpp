#include "dlfs/ops/accumulate/accumulate.h"

#include <gtest/gtest.h>

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

}  // namespace dlfs::testing
