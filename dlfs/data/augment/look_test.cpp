#include "dlfs/data/augment/look.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace dlfs {
namespace {

std::array<float, 3> seen(const Look& look, std::array<float, 3> p) {
  std::array<float, 3> q{};
  for (size_t i = 0; i < 3; ++i)
    q[i] = look.colour[3 * i] * p[0] + look.colour[3 * i + 1] * p[1] + look.colour[3 * i + 2] * p[2] +
           look.offset[i];
  return q;
}

Look jittered(const ColourJitter& jitter, uint64_t key, int channels = 3) {
  Look look;
  apply(jitter, look, channels, Random(key));
  return look;
}

float luma(const std::array<float, 3>& p) { return 0.299F * p[0] + 0.587F * p[1] + 0.114F * p[2]; }

TEST(ColourJitter, ScalesAboutBlackTheMiddleAndTheGray) {
  for (uint64_t key = 0; key < 100; ++key) {
    const auto brighter = seen(jittered({.brightness = 0.5F}, key), {10, 100, 200});
    const float factor = brighter[0] / 10;
    EXPECT_TRUE(factor >= 0.5F && factor <= 1.5F) << factor;
    EXPECT_NEAR(brighter[1], 100 * factor, 1e-3);
    EXPECT_NEAR(brighter[2], 200 * factor, 1e-3);

    const auto contrast = seen(jittered({.contrast = 0.5F}, key), {127.5F, 100, 200});
    EXPECT_NEAR(contrast[0], 127.5, 1e-3);
    EXPECT_NEAR((contrast[1] - 127.5) / (100 - 127.5), (contrast[2] - 127.5) / (200 - 127.5), 1e-4);

    const auto saturated = seen(jittered({.saturation = 0.5F}, key), {10, 100, 200});
    EXPECT_NEAR(luma(saturated), luma({10, 100, 200}), 1e-2);
    const float gray = luma({10, 100, 200});
    EXPECT_NEAR((saturated[0] - gray) / (10 - gray), (saturated[2] - gray) / (200 - gray), 1e-3);
  }
}

TEST(ColourJitter, TurnsTheHueAndKeepsGrayAndLuma) {
  float most = 0;
  for (uint64_t key = 0; key < 100; ++key) {
    const Look look = jittered({.hue = 0.5F}, key);
    for (const float value : seen(look, {90, 90, 90})) EXPECT_NEAR(value, 90, 0.1);
    const auto turned = seen(look, {200, 60, 30});
    EXPECT_NEAR(luma(turned), luma({200, 60, 30}), 0.2);
    most = std::max(most, std::abs(turned[0] - 200));
  }
  EXPECT_GT(most, 100);
}

TEST(ColourJitter, ComposesInAnOrderByChance) {
  // Brightness before contrast leaves another offset than after it.
  int before = 0;
  for (uint64_t key = 0; key < 1000; ++key) {
    const Look look = jittered({.brightness = 0.5F, .contrast = 0.5F}, key);
    const float contrast = 1 - look.offset[0] / 127.5F;  // where brightness came first
    const float brightness = look.colour[0] / contrast;
    const Random random(key);
    before += std::abs(contrast - (0.5F + random.uniform(1))) < 1e-4F &&
              std::abs(brightness - (0.5F + random.uniform(0))) < 1e-4F;
  }
  EXPECT_NEAR(before, 500, 80);
}

TEST(ColourJitter, OfOneChannelIsBrightnessAndContrast) {
  const Look look = jittered({.brightness = 0.5F}, 3, 1);
  EXPECT_NE(look.colour[0], 1);
  EXPECT_EQ(look.offset[0], 0);
  EXPECT_EQ(look.colour[1], 0);
}

TEST(RandomErase, ErasesARectangleWithin) {
  int erased = 0;
  for (uint64_t key = 0; key < 1000; ++key) {
    Look look;
    apply(RandomErase{.probability = 0.5F}, look, {100, 60}, Random(key));
    const auto [x, y, width, height] = look.erased;
    if (width == 0) continue;
    ++erased;
    EXPECT_TRUE(x >= 0 && y >= 0 && x + width <= 100 && y + height <= 60);
    EXPECT_EQ(x, std::floor(x));
    const float area = width * height / 6000;
    EXPECT_TRUE(area > 0.017F && area < 0.35F) << area;
    EXPECT_TRUE(height / width > 0.25F && height / width < 4) << height / width;
  }
  EXPECT_NEAR(erased, 500, 80);
}

}  // namespace
}  // namespace dlfs
