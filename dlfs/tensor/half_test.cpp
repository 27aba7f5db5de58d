#include "dlfs/tensor/half.h"

#include <gtest/gtest.h>

#include <cmath>

#include "dlfs/base/random.h"

namespace dlfs::testing {

// The definition: of all numbers of the type the nearest, ties to the one whose last bit is 0.
template <typename Half>
static void expect_nearest(float value) {
  const Half rounded(value);
  Half below = rounded, above = rounded;
  --below.bits;
  ++above.bits;
  const double error = std::abs(static_cast<double>(static_cast<float>(rounded)) - value);
  for (const Half other : {below, above}) {
    const auto found = static_cast<float>(other);
    if (!std::isfinite(found) || std::signbit(found) != std::signbit(value)) continue;
    const double further = std::abs(static_cast<double>(found) - value);
    EXPECT_TRUE(error < further || (error == further && rounded.bits % 2 == 0)) << value;
  }
}

TEST(Half, RoundsToTheNearest) {
  const Random random(7);
  for (int exponent = -30; exponent < 15; ++exponent)
    for (uint64_t i = 0; i < 200; ++i) {
      const float value = std::ldexp(random.uniform(i + 1000) + 1, exponent) * (i % 2 != 0 ? 1.0f : -1.0f);
      expect_nearest<F16>(value);
      expect_nearest<Bf16>(value);
    }
  for (const float tie : {1 + 0x1p-11f, 1 + 3 * 0x1p-11f, 0x1p-25f, 3 * 0x1p-25f, 65519.9f})
    expect_nearest<F16>(tie);
  for (const float tie : {1 + 0x1p-8f, 1 + 3 * 0x1p-8f}) expect_nearest<Bf16>(tie);
}

TEST(Half, EveryF16ComesBack) {
  for (uint32_t i = 0; i < 65536; ++i) {
    F16 half;
    half.bits = static_cast<uint16_t>(i);
    const auto value = static_cast<float>(half);
    if (std::isnan(value))
      EXPECT_TRUE(std::isnan(static_cast<float>(F16(value)))) << i;
    else
      EXPECT_EQ(F16(value).bits, i);
  }
  EXPECT_EQ(static_cast<float>(F16(1e-8f)), 0);
  EXPECT_TRUE(std::isinf(static_cast<float>(F16(65520))));
  EXPECT_EQ(static_cast<float>(F16(65519)), 65504);
}

TEST(Half, InfinityAndNanStay) {
  for (const float value : {INFINITY, -INFINITY}) {
    EXPECT_EQ(static_cast<float>(Bf16(value)), value);
    EXPECT_EQ(static_cast<float>(F16(value)), value);
  }
  EXPECT_TRUE(std::isnan(static_cast<float>(Bf16(std::nanf("")))));
  EXPECT_TRUE(std::isnan(static_cast<float>(F16(std::nanf("")))));
}

}  // namespace dlfs::testing
