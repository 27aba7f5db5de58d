#include "dlfs/base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace dlfs {
namespace {

// tools/formula.py checks itself against the same values.
TEST(Random, GivesThePinnedValues) {
  const Random published(1234567);  // splitmix64's published sequence
  EXPECT_EQ(published.bits(0), 6457827717110365317U);
  EXPECT_EQ(published.bits(1), 3203168211198807973U);
  EXPECT_EQ(published.bits(2), 9817491932198370423U);

  EXPECT_EQ(key_of(""), 0xF52A15E9A9B5E89BU);
  EXPECT_EQ(key_of("conv1.weight"), 0x518ADAF9DFB88FBEU);
  EXPECT_EQ(combine(key_of("shuffle"), 7), 0x602590FD22D420B1U);

  const Random random(key_of("conv1.weight"));
  EXPECT_EQ(random.uniform(0), 0x1.302bfp-4F);
  EXPECT_EQ(random.uniform(1), 0x1.033e88p-1F);
  EXPECT_EQ(random.uniform(2), 0x1.7aee18p-3F);
  EXPECT_EQ(random.uniform(uint64_t{1} << 40), 0x1.6af8p-8F);
  EXPECT_NEAR(random.normal(0), -2.2786198F, 1e-6);
  EXPECT_NEAR(random.normal(1), -0.43090087F, 1e-6);
  EXPECT_NEAR(random.normal(2), -0.37396014F, 1e-6);
  const std::vector<uint32_t> below = {0, 5, 1, 7, 8, 3, 9, 3};
  for (size_t i = 0; i < below.size(); ++i) EXPECT_EQ(random.below(i, 10), below[i]) << i;

  const std::vector<uint32_t> order = {3, 5, 4, 2, 8, 9, 6, 7, 1, 0};
  EXPECT_EQ(permutation(10, combine(combine(key_of("shuffle"), 1), 0)), order);
}

TEST(Random, IsUniform) {
  const Random random(key_of("uniform"));
  constexpr int count = 100000;
  double sum = 0, squares = 0;
  for (int i = 0; i < count; ++i) {
    const double value = random.uniform(i);
    ASSERT_TRUE(value >= 0 && value < 1);
    sum += value;
    squares += value * value;
  }
  const double mean = sum / count;
  EXPECT_NEAR(mean, 0.5, 5 * std::sqrt(1.0 / 12 / count));
  EXPECT_NEAR(squares / count, 1.0 / 3, 5 * std::sqrt(4.0 / 45 / count));
}

TEST(Random, IsNormal) {
  const Random random(key_of("normal"));
  constexpr int count = 100000;
  double sum = 0, squares = 0;
  int within_one = 0;
  for (int i = 0; i < count; ++i) {
    const double value = random.normal(i);
    sum += value;
    squares += value * value;
    within_one += std::abs(value) < 1 ? 1 : 0;
  }
  EXPECT_NEAR(sum / count, 0, 5 / std::sqrt(count));
  EXPECT_NEAR(squares / count, 1, 5 * std::sqrt(2.0 / count));
  EXPECT_NEAR(within_one / static_cast<double>(count), 0.6826895, 5 * std::sqrt(0.217 / count));
}

TEST(Random, PermutesEvenlyAndAnewForEachKey) {
  constexpr uint32_t count = 5;
  constexpr int tries = 20000;
  std::vector<int> seen(count * count);
  for (int key = 0; key < tries; ++key) {
    const std::vector<uint32_t> order = permutation(count, combine(key_of("shuffle"), key));
    for (uint32_t place = 0; place < count; ++place) ++seen[place * count + order[place]];
  }
  for (const int times : seen) EXPECT_NEAR(times, tries / 5.0, 5 * std::sqrt(tries * 0.2 * 0.8));

  std::vector<uint32_t> sorted = permutation(60000, 1);
  std::sort(sorted.begin(), sorted.end());
  for (uint32_t i = 0; i < sorted.size(); ++i) ASSERT_EQ(sorted[i], i);
  EXPECT_TRUE(permutation(0, 1).empty());
}

}  // namespace
}  // namespace dlfs
