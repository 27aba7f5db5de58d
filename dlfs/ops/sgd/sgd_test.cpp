#include "dlfs/ops/sgd/sgd.h"

#include <gtest/gtest.h>

#include "dlfs/testing/cases.h"
#include "dlfs/testing/devices.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/op_checks.h"
#include "dlfs/testing/update_case.h"

namespace dlfs::testing {

std::vector<OpCase> sgd_cases() {
  struct Row {
    std::string name;
    std::vector<Shape> parameters;
    SgdSettings settings = {};
    bool speed = false;
    bool compare = true;
    double factor = 0;    // 0: none
    bool copies = false;  // of 16 bits, as the gradients
    std::vector<char> vectors = {};
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
           .speed = true,
           .compare = false},
           {.name = "factor", .parameters = three, .settings = {.weight_decay = 0.05f}, .factor = 0.25},
           {.name = "the second does not decay",
           .parameters = three,
           .settings = {.weight_decay = 0.5f},
           .factor = 1,
           .vectors = {0, 1, 0}},
           {.name = "copies", .parameters = three, .settings = {.momentum = 0}, .copies = true},
           {.name = "copies, momentum", .parameters = three, .factor = 0.5, .copies = true},
           {.name = "copies, one large", .parameters = {{40, 5, 5, 20}, {1, 1, 1, 1}}, .copies = true},
           {.name = "speed 25 million in 16 bits",
           .parameters = {{1000, 1, 1, 2048}, {512, 3, 3, 512}, {2048, 1, 1, 10240}},
           .speed = true,
           .compare = false,
           .factor = 0.5,
           .copies = true},
       }) {
    OpCase of{.name = "sgd/" + row.name,
              .function = sgd_function(row.settings, row.vectors),
              .inputs = {{.spec = {{1, 1, 1, 1}}, .low = 0.05, .high = 0.1}},
              .golden = !row.speed && row.factor == 0 && !row.copies,
              .speed = row.speed,
              .compare = row.compare,
              .narrow = row.copies};
    for (int part = 0; part < (row.settings.momentum != 0 ? 3 : 2); ++part)
      for (const Shape& shape : row.parameters)
        of.inputs.push_back({.spec = {shape}, .matrix = row.copies && part == 1});
    append_copies_and_factor(of, row.parameters, row.copies, row.factor);
    all.push_back(of);
  }
  return all;
}

DLFS_OP_TESTS(Sgd, sgd_cases())

TEST(Sgd, NamesBothValuesOfWhatDoesNotFit) {
  const Spec rate{{1, 1, 1, 1}}, four{{1, 1, 1, 4}}, whole{four.shape, DType::i32};
  const auto fault = [&](const std::vector<Spec>& in, const SgdSettings& settings = {.momentum = 0}) {
    return error_of([&] { sgd_function(settings)->infer({in}); });
  };
  const std::string but = "[sgd] parameter 0 is f32 [1,1,1,4], but its ";
  EXPECT_EQ(fault({rate, four, Spec{{1, 1, 1, 5}}, absent, absent}),
            but + "gradient is f32 [1,1,1,5]; both must be floats and of one shape");
  EXPECT_EQ(fault({rate, four, four, whole, absent}),
            but + "working copy is i32 [1,1,1,4]; both must be floats and of one shape");
  EXPECT_EQ(fault({rate, four, four, absent, four}),
            "[sgd] the factor is f32 [1,1,1,4], but must be f32 [1,1,1,1]");
  EXPECT_EQ(fault({rate}, {.momentum = 0, .nesterov = true}), "[sgd] nesterov needs a momentum above 0");
}

}  // namespace dlfs::testing
