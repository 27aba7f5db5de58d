#include "dlfs/data/loader/sampling.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "dlfs/base/random.h"

namespace dlfs {
namespace {

// `counts[c]` images of class c, one after another.
class Classes : public Subjects {
 public:
  explicit Classes(const std::vector<uint32_t>& counts) {
    for (size_t c = 0; c < counts.size(); ++c)
      labels_.insert(labels_.end(), counts[c], static_cast<int32_t>(c));
  }
  uint32_t count() const override { return static_cast<uint32_t>(labels_.size()); }
  Subject subject(uint32_t image) const override {
    return {.size = {1, 1}, .boxes = {}, .label = labels_[image]};
  }

 private:
  std::vector<int32_t> labels_;
};

std::map<int32_t, int> by_class(const Subjects& subjects, const std::vector<uint32_t>& order) {
  std::map<int32_t, int> counts;
  for (const uint32_t image : order) ++counts[subjects.subject(image).label];
  return counts;
}

TEST(Sampling, AShuffledEpochIsAPermutationOfItsOwn) {
  const Classes images({1000});
  const std::vector<uint32_t> first = epoch_images({.seed = 1}, images, 1);
  EXPECT_EQ(std::set<uint32_t>(first.begin(), first.end()).size(), 1000U);
  EXPECT_EQ(first, epoch_images({.seed = 1}, images, 1));
  EXPECT_NE(first, epoch_images({.seed = 1}, images, 2));
  EXPECT_NE(first, epoch_images({.seed = 2}, images, 1));
  EXPECT_EQ(first, epoch_order(1000, 1, 1));
}

TEST(Sampling, BalancedClassesAreSeenEquallyOften) {
  const Classes images({900, 90, 10});
  const std::vector<uint32_t> order = epoch_images({.order = Order::class_balanced}, images, 1);
  ASSERT_EQ(order.size(), 1000U);
  for (const auto& [label, count] : by_class(images, order))
    EXPECT_NEAR(count, 1000.0 / 3, 5 * std::sqrt(1000 * 2.0 / 9)) << label;
}

TEST(Sampling, RareClassesAreRepeated) {
  const Classes images({9890, 100, 10});
  const Sampling sampling{.order = Order::repeat_factor, .rare = 0.016F};
  std::map<int32_t, double> seen;
  size_t length = 0;
  for (int epoch = 1; epoch <= 20; ++epoch) {
    const std::vector<uint32_t> order = epoch_images(sampling, images, epoch);
    EXPECT_TRUE(epoch == 1 || order.size() == length) << "epochs are equally long";
    length = order.size();
    for (const auto& [label, count] : by_class(images, order)) seen[label] += count / 20.0;
  }
  EXPECT_NEAR(seen[0], 9890, 1);                    // as often as it is there
  EXPECT_NEAR(seen[1], 100 * std::sqrt(1.6), 1.5);  // sqrt(0.016 / 0.01) times
  EXPECT_NEAR(seen[2], 10 * 4, 1.5);                // sqrt(0.016 / 0.001) times
}

TEST(Sampling, RanksShareAnEpoch) {
  const Classes images({103});
  std::set<uint32_t> seen;
  for (int rank = 0; rank < 4; ++rank) {
    const std::vector<uint32_t> share = epoch_images({.rank = rank, .ranks = 4}, images, 1);
    EXPECT_EQ(share.size(), 25U);
    seen.insert(share.begin(), share.end());
  }
  EXPECT_EQ(seen.size(), 100U) << "no image twice";
}

TEST(Sampling, MixesSourcesByTheirWeights) {
  const Classes images({10000});
  const Sampling sampling{.order = Order::mixed, .mix = {{.images = 9000}, {.images = 1000}}};
  const std::vector<uint32_t> order = epoch_images(sampling, images, 1);
  ASSERT_EQ(order.size(), 10000U);
  std::map<uint32_t, int> times;
  int of_second = 0;
  for (const uint32_t image : order) {
    of_second += image >= 9000;
    ++times[image];
  }
  EXPECT_NEAR(of_second, 5000, 250);
  for (uint32_t image = 9000; image < 10000; ++image)
    EXPECT_NEAR(times[image], of_second / 1000.0, 1) << image;
  EXPECT_EQ(order, epoch_images(sampling, images, 1));
  const Sampling one{.order = Order::mixed, .mix = {{.images = 9000, .weight = 0}, {.images = 1000}}};
  for (const uint32_t image : epoch_images(one, images, 1)) ASSERT_GE(image, 9000U);
}

}  // namespace
}  // namespace dlfs
