#include "dlfs/graph/profile.h"

#include <gtest/gtest.h>

#include <sstream>

#include "dlfs/testing/null_function.h"

namespace dlfs::testing {
namespace {

class Named : public Kernel {
 public:
  void run(Stream) override {}
  std::string engine() const override {
    return "an engine with a name that goes on for longer than a line can be";
  }
};

Step step_of(const std::string& path, bool backward, Scratch& scratch) {
  static const NullFunction function{{}};
  return {&function, backward, path, {}, {{}, {}, {}, {}, {}, scratch}, std::make_unique<Named>()};
}

TEST(Profile, ShowsTheMostLostTimeFirst) {
  Scratch scratch;
  const auto step = [&](const std::string& path, bool backward) { return step_of(path, backward, scratch); };
  const Step slow = step("slow", false), far = step("far", true);
  // At 1 GB and 1 TFLOP a second: at least 900 us for bytes, 100 us for products.
  const std::string table =
      profile_table({{&slow, 1e-3, {.bytes = 9e5, .flops = 1e8}}, {&far, 5e-4, {.bytes = 1e4, .flops = 1e8}}},
                    {.bytes = 1e9, .flops = 1e12});
  EXPECT_EQ(table,
            "    us  floor us  ratio  lost us  lost %   MB  step\n"
            " 500.0     100.0    5.0    400.0    26.7  0.0  far backward: an engine with a n…\n"
            "1000.0     900.0    1.1    100.0     6.7  0.9  slow: an engine with a name that…\n"
            "1500.0    1000.0    1.5    500.0    33.3  0.9  all\n");
  EXPECT_EQ(profile_table({{&slow, 1e-3, {.bytes = 9e5}}, {&far, 5e-4, {.bytes = 1e5}}},
                          {.bytes = 1e9, .flops = 1e12}, 1),
            "    us  floor us  ratio  lost us  lost %   MB  step\n"
            " 500.0     100.0    5.0    400.0    26.7  0.1  far backward: an engine with a n…\n"
            "1500.0    1000.0    1.5    500.0    33.3  1.0  all\n");
  const StepTime cached{&slow, 1e-4, {.bytes = 9e5}};
  EXPECT_NE(profile_table({cached}, {.bytes = 1e9, .flops = 1e12}).find(" 0.1      0.0     0.0  0.9  slow"),
            std::string::npos);
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(width(line), 80);
}

TEST(Profile, AddsUpByTheFirstTwoNames) {
  Scratch scratch;
  const Step stem = step_of("conv1", false, scratch), first = step_of("layer1.0.conv1", false, scratch),
             second = step_of("layer1.0.bn1", false, scratch),
             back = step_of("layer1.0.conv1", true, scratch);
  EXPECT_EQ(scope_table({{&stem, 1e-4, {.bytes = 1e5}},
                         {&first, 2e-4, {.bytes = 1e5}},
                         {&second, 3e-4, {.bytes = 1e5}},
                         {&back, 4e-4, {.bytes = 2e5}}},
                        {.bytes = 1e9, .flops = 1e12}),
            "    us  floor us  ratio  lost us  lost %   MB  scope\n"
            " 100.0     100.0    1.0      0.0     0.0  0.1  conv1\n"
            " 500.0     200.0    2.5    300.0    30.0  0.2  layer1.0\n"
            " 400.0     200.0    2.0    200.0    20.0  0.2  layer1.0 backward\n"
            "1000.0     500.0    2.0    500.0    50.0  0.5  all\n");
}

}  // namespace
}  // namespace dlfs::testing
