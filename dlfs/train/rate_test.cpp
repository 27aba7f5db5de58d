#include "dlfs/train/rate.h"

#include <gtest/gtest.h>

#include "dlfs/testing/error.h"

namespace dlfs::testing {
namespace {

std::vector<float> rates(const RateSchedule& schedule, int epochs, int steps_per_epoch) {
  std::vector<float> all;
  const int64_t steps = int64_t{epochs} * steps_per_epoch;
  for (int64_t step = 0; step < steps; ++step)
    all.push_back(
        rate_at(schedule, 1, {.step = step, .steps = steps, .steps_per_epoch = double(steps_per_epoch)}));
  return all;
}

void expect_near(const std::vector<float>& found, const std::vector<float>& wanted) {
  ASSERT_EQ(found.size(), wanted.size());
  for (size_t i = 0; i < found.size(); ++i) EXPECT_FLOAT_EQ(found[i], wanted[i]) << i;
}

TEST(CosineRate, FallsFromTheRateToZero) {
  EXPECT_EQ(cosine_rate(0.03F, 0, 100), 0.03F);
  EXPECT_FLOAT_EQ(cosine_rate(0.03F, 50, 100), 0.015F);
  EXPECT_EQ(cosine_rate(0.03F, 100, 100), 0);
  for (int step = 1; step <= 100; ++step)
    EXPECT_LT(cosine_rate(0.03F, step, 100), cosine_rate(0.03F, step - 1, 100)) << step;
}

TEST(Rate, RisesAndFalls) {
  expect_near(rates({}, 2, 2), {1, 0.85355339F, 0.5F, 0.14644661F});
  expect_near(rates({.warmup = 2}, 4, 2), {0.25F, 0.5F, 0.75F, 1, 1, 0.85355339F, 0.5F, 0.14644661F});
  expect_near(rates({.fall = RateSchedule::Fall::constant, .warmup = 0.5F}, 2, 4),
              {0.5F, 1, 1, 1, 1, 1, 1, 1});
  expect_near(rates(parse_schedule("steps:1,3"), 4, 2), {1, 1, 0.1F, 0.1F, 0.1F, 0.1F, 0.01F, 0.01F});
  expect_near(rates({.warmup = 9}, 2, 2), {0.25F, 0.5F, 0.75F, 1});
}

TEST(Rate, OfAccumulatedStepsFallsWithinAnEpoch) {
  const RateSchedule schedule = parse_schedule("steps:1");
  EXPECT_EQ(rate_at(schedule, 1, {.step = 2, .steps = 9, .steps_per_epoch = 2.5}), 1);
  EXPECT_FLOAT_EQ(rate_at(schedule, 1, {.step = 3, .steps = 9, .steps_per_epoch = 2.5}), 0.1F);
}

TEST(RateWords, AreReadAsTheyAreWritten) {
  for (const std::string word : {"cosine", "constant", "steps:7", "steps:30,60,80"})
    EXPECT_EQ(to_string(parse_schedule(word)), word);
  for (const std::string word : {"", "step", "steps:", "steps:3,", "steps:3,2", "steps:0", "steps:3;4",
                                 "steps:99999999999", "steps: 3"})
    EXPECT_EQ(error_of([&] { parse_schedule(word); }),
              "[dlfs] --schedule is " + word +
                  ", but can be cosine, constant, or steps:30,60,80, epochs that rise");
}

}  // namespace
}  // namespace dlfs::testing
