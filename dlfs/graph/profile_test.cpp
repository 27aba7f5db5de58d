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

TEST(Profile, ShowsTheMostLostTimeFirst) {
  const NullFunction function{{}};
  Scratch scratch;
  const auto step = [&](const std::string& path, bool backward) {
    return Step{&function, backward, path, {}, {{}, {}, {}, {}, {}, scratch}, std::make_unique<Named>()};
  };
  const Step slow = step("slow", false), far = step("far", true);
  // At 1 GB and 1 TFLOP a second: at least 900 us for bytes, 100 us for products.
  const std::string table =
      profile_table({{&slow, 1e-3, {.bytes = 9e5, .flops = 1e8}}, {&far, 5e-4, {.bytes = 1e4, .flops = 1e8}}},
                    {.bytes = 1e9, .flops = 1e12});
  EXPECT_EQ(table,
            "    us  floor us  ratio  lost us  lost %  step\n"
            " 500.0     100.0    5.0    400.0    26.7  far backward: an engine with a name t…\n"
            "1000.0     900.0    1.1    100.0     6.7  slow: an engine with a name that goes…\n"
            "1500.0    1000.0    1.5    500.0    33.3  all\n");
  const StepTime cached{&slow, 1e-4, {.bytes = 9e5}};
  EXPECT_NE(profile_table({cached}, {.bytes = 1e9, .flops = 1e12}).find(" 0.1      0.0     0.0  slow"),
            std::string::npos);
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(width(line), 80);
}

}  // namespace
}  // namespace dlfs::testing
