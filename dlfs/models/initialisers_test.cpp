#include "dlfs/models/initialisers.h"

#include <gtest/gtest.h>

#include <cmath>

#include "dlfs/cpu/cpu_device.h"

namespace dlfs::testing {
namespace {

struct Moments {
  double mean = 0, deviation = 0, largest = 0;
};

// Of the first values of a filter [64,3,3,50]: fan in 450, fan out 576.
Moments moments(const Init& init) {
  const auto cpu = open_cpu();
  State state(7);
  const State::Entry& entry = state.entry(state.add("w", {{64, 3, 3, 50}}, Role::parameter, init));
  state.allocate(*cpu);
  const float* values = entry.tensor.as<float>();
  const int64_t count = entry.spec.shape.count();
  Moments of;
  for (int64_t i = 0; i < count; ++i) of.mean += values[i] / static_cast<double>(count);
  for (int64_t i = 0; i < count; ++i) {
    of.deviation += std::pow(values[i] - of.mean, 2) / static_cast<double>(count);
    of.largest = std::max(of.largest, std::abs(static_cast<double>(values[i])));
  }
  of.deviation = std::sqrt(of.deviation);
  return of;
}

const Shape filter{64, 3, 3, 50};

TEST(Initialisers, HaveTheDeviationThatTheirPapersAskFor) {
  for (const auto& [init, deviation] :
       {std::pair(kaiming_normal(filter), std::sqrt(2.0 / 450)),
        std::pair(kaiming_uniform(filter), std::sqrt(2.0 / 450)),
        std::pair(xavier_normal(filter), std::sqrt(2.0 / 1026)),
        std::pair(xavier_uniform(filter), std::sqrt(2.0 / 1026)), std::pair(normal(0.5F), 0.5)}) {
    const Moments found = moments(init);
    EXPECT_NEAR(found.deviation / deviation, 1, 0.02);
    EXPECT_NEAR(found.mean / deviation, 0, 0.03);
  }
}

TEST(Initialisers, UniformNumbersKeepTheirBoundAndAConstantIsOne) {
  EXPECT_LE(moments(kaiming_uniform(filter)).largest, 1.000001 * std::sqrt(6.0 / 450));
  EXPECT_GT(moments(kaiming_uniform(filter)).largest, 0.99 * std::sqrt(6.0 / 450));
  EXPECT_EQ(moments(constant(0.25F)).largest, 0.25);
  EXPECT_NEAR(moments(constant(0.25F)).mean, 0.25, 1e-9);
}

TEST(Initialisers, AreAFunctionOfSeedAndNameAlone) {
  const auto first_value = [](uint64_t seed, const std::string& before, const std::string& name) {
    const auto cpu = open_cpu();
    State state(seed);
    if (!before.empty()) state.add(before, {{1, 1, 1, 9}}, Role::parameter, normal(1));
    const Param param = state.add(name, {{1, 1, 1, 4}}, Role::parameter, normal(1));
    state.allocate(*cpu);
    return state.entry(param).tensor.as<float>()[0];
  };
  EXPECT_EQ(first_value(1, "", "w"), first_value(1, "other", "w"));
  EXPECT_NE(first_value(1, "", "w"), first_value(2, "", "w"));
  EXPECT_NE(first_value(1, "", "w"), first_value(1, "", "v"));
}

}  // namespace
}  // namespace dlfs::testing
