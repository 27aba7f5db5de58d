#include "dlfs/ops/lars/lars.h"

#include <gtest/gtest.h>

#include <cmath>

#include "dlfs/testing/cases.h"
#include "dlfs/testing/devices.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/op_checks.h"
#include "dlfs/testing/update_case.h"

namespace dlfs::testing {

std::vector<OpCase> lars_cases() {
  struct Row {
    std::string name;
    LarsSettings settings = {};
    std::vector<Shape> parameters = {{5, 3, 3, 2}, {1, 1, 1, 5}, {7, 1, 1, 13}};
    std::vector<char> vectors = {};
    double factor = 0;    // 0: none
    bool copies = false;  // of 16 bits, as the gradients
    bool speed = false;
    bool compare = true;
  };
  const std::vector<Shape> large = {{1000, 1, 1, 2048}, {512, 3, 3, 512}, {2048, 1, 1, 10240}};
  std::vector<OpCase> all;
  for (const Row& row : std::vector<Row>{
           {.name = "momentum"},
           {.name = "decay", .settings = {.weight_decay = 0.05F, .trust = 0.02F}},
           {.name = "a vector",
           .settings = {.momentum = 0.5F, .weight_decay = 0.5F, .trust = 0.1F},
           .vectors = {0, 1, 0}},
           {.name = "one large, one small", .parameters = {{40, 5, 5, 20}, {1, 1, 1, 1}}},
           {.name = "copies", .settings = {.weight_decay = 0.1F}, .factor = 0.125, .copies = true},
           {.name = "copies, many blocks", .parameters = {{256, 3, 3, 512}}, .factor = 1, .copies = true},
           {.name = "speed 25 million",
           .parameters = large,
           .factor = 1,
           .copies = true,
           .speed = true,
           .compare = false},
       }) {
    OpCase of{.name = "lars/" + row.name,
              .function = lars_function(row.settings, row.vectors),
              .inputs = {{.spec = {{1, 1, 1, 1}}, .low = 5, .high = 10}},
              .golden = !row.speed && !row.copies,
              .speed = row.speed,
              .compare = row.compare,
              .narrow = row.copies};
    for (int part = 0; part < 3; ++part)
      for (const Shape& shape : row.parameters)
        of.inputs.push_back({.spec = {shape}, .matrix = row.copies && part == 1});
    append_copies_and_factor(of, row.parameters, row.copies, row.factor);
    all.push_back(of);
  }
  return all;
}

DLFS_OP_TESTS(Lars, lars_cases())

// By hand: |p| = 5, |gradient| = 10, the ratio 0.1 * 5 / (10 + 0.2 * 5).
TEST(Lars, ScalesByTheNorms) {
  const auto cpu = open_cpu();
  const Spec two{{1, 1, 1, 2}};
  const OpCase of{.name = "lars/by hand",
                  .function = lars_function({.momentum = 0.5F, .weight_decay = 0.2F, .trust = 0.1F}),
                  .inputs = {{.spec = {{1, 1, 1, 1}}, .given = {2}},
                             {.spec = two, .given = {3, 4}},
                             {.spec = two, .given = {-6, 8}},
                             {.spec = two, .given = {1, 0}},
                             {},
                             {}}};
  OpRun run(*cpu, of);
  run.forward();
  const double rate = 2 * 0.1 * 5 / 11;
  const std::vector<Numbers> results = run.results();
  const double m[] = {0.5 + rate * (-6 + 0.6), rate * (8 + 0.8)};
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_NEAR(results[1][i], m[i], 1e-6);
    EXPECT_NEAR(results[0][i], (i == 0 ? 3 : 4) - m[i], 1e-6);
  }
}

TEST(Lars, ANormOfZeroHasTheRatioOne) {
  const auto cpu = open_cpu();
  OpCase of = lars_cases()[0];
  OpRun run(*cpu, of);
  const Numbers zeros(90, 0.0), gradient(90, 2.0);
  run.set_input(1, zeros);
  run.set_input(4, gradient);
  run.set_input(7, zeros);
  run.set_input(0, {0.5});
  run.forward();
  EXPECT_EQ(run.results()[0], Numbers(90, -1.0));
}

TEST(Lars, NamesWhatDoesNotFit) {
  const Spec one{{1, 1, 1, 1}};
  EXPECT_EQ(error_of([&] {
              lars_function({.trust = 0})->infer({{one, one, one, one, absent, absent}});
            }),
            "[lars] trust 0 is not above 0");
}

}  // namespace dlfs::testing
