#include "dlfs/train/batches.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace dlfs {
namespace {

// Four images of 1 x 2.
LabelledImages images() {
  return {.count = 4,
          .height = 1,
          .width = 2,
          .pixels = {0, 255, 51, 102, 7, 8, 200, 100},
          .labels = {3, 1, 4, 0}};
}

TEST(PixelStatistics, AreOfPixelsBetweenZeroAndOne) {
  const PixelStatistics two =
      pixel_statistics({.count = 1, .height = 2, .width = 2, .pixels = {0, 255, 255, 0}, .labels = {0}});
  EXPECT_FLOAT_EQ(two.mean, 0.5F);
  EXPECT_FLOAT_EQ(two.deviation, 0.5F);
  const PixelStatistics one =
      pixel_statistics({.count = 1, .height = 1, .width = 3, .pixels = {51, 51, 51}, .labels = {0}});
  EXPECT_FLOAT_EQ(one.mean, 0.2F);
  EXPECT_EQ(one.deviation, 1) << "one colour leaves nothing to divide by";
}

TEST(Batches, HoldTheNormalisedImagesOfAnOrder) {
  const LabelledImages all = images();
  const PixelStatistics statistics{.mean = 0.1307F, .deviation = 0.3081F};
  Batch batch;
  Batches(all, statistics).fill(batch, {0, 3, 1, 2}, 1, 2);
  const auto seen = [&](int pixel) {
    return (static_cast<float>(pixel) / 255 - statistics.mean) / statistics.deviation;
  };
  EXPECT_EQ(batch.images, (std::vector<float>{seen(200), seen(100), seen(51), seen(102)}));
  EXPECT_EQ(batch.labels, (std::vector<int32_t>{0, 1}));
}

TEST(EpochOrder, ShowsEveryImageOnce) {
  std::vector<uint32_t> order = epoch_order(1000, 1, 1);
  std::vector<uint32_t> all(1000);
  std::iota(all.begin(), all.end(), 0);
  EXPECT_NE(order, all);
  std::sort(order.begin(), order.end());
  EXPECT_EQ(order, all);
}

TEST(EpochOrder, IsAFunctionOfSeedAndEpoch) {
  const std::vector<uint32_t> order = epoch_order(100, 1, 1);
  EXPECT_EQ(order, epoch_order(100, 1, 1));
  EXPECT_NE(order, epoch_order(100, 1, 2));
  EXPECT_NE(order, epoch_order(100, 2, 1));
  EXPECT_NE(epoch_order(100, 1, 2), epoch_order(100, 2, 1));
}

}  // namespace
}  // namespace dlfs
