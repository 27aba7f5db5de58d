#include "dlfs/main/progress.h"

#include <gtest/gtest.h>

#include <sstream>

namespace dlfs {
namespace {

// The columns that a text takes: continuation bytes of UTF-8 take none.
int columns_of(const std::string& text) {
  int columns = 0;
  for (const char c : text) columns += (c & 0xC0) == 0x80 ? 0 : 1;
  return columns;
}

const std::string clear = "\r\033[K";

// What a terminal of so many columns is sent for one step.
std::string bar_after(const StepEvent& step, Progress::Columns columns) {
  std::ostringstream out;
  {
    Progress progress(out, columns);
    progress.after_step(step);
  }
  const std::string sent = out.str();
  if (sent.size() < clear.size() || sent.substr(sent.size() - clear.size()) != clear)
    return "not cleared: " + sent;
  return sent.substr(0, sent.size() - clear.size());
}

TEST(Progress, ABarShowsHowFarLossSpeedAndTime) {
  const StepEvent half{.step = 50, .steps = 100, .epoch = 1, .loss = 0.25F, .images_per_second = 12345};
  EXPECT_EQ(bar_after(half, [] { return 80; }),
            "━━━━━━━━━━━━━━╸              50 %  loss 0.250  12,345 img/s  0:00 left");
  const StepEvent unread{.step = 25, .steps = 100, .epoch = 1, .images_per_second = 12345};
  EXPECT_EQ(bar_after(unread, [] { return 80; }),
            "━━━━━━━╸                     25 %  12,345 img/s  0:00 left");
}

TEST(Progress, TheBarNeverWraps) {
  const StepEvent wide{.step = 1, .steps = 1, .epoch = 1, .loss = 3e38F, .images_per_second = 9e15};
  const StepEvent plain{.step = 1, .steps = 3, .epoch = 1, .loss = 2.5F, .images_per_second = 123456};
  for (const StepEvent& step : {wide, plain}) {
    EXPECT_LT(columns_of(bar_after(step, [] { return 80; })), 80);
    EXPECT_LT(columns_of(bar_after(step, [] { return 41; })), 41);
    EXPECT_LT(columns_of(bar_after(step, [] { return 10; })), 10);
    EXPECT_EQ(bar_after(step, [] { return 1; }), "");
  }
}

TEST(Progress, WhatFollowsABarStandsOnALineOfItsOwn) {
  std::ostringstream out;
  Progress progress(out, [] { return 80; });
  progress.after_step({.step = 1, .steps = 2, .epoch = 1});
  out.str("");
  progress.after_epoch({.epoch = 1,
                        .epochs = 2,
                        .step = 1,
                        .train_loss = 0.5F,
                        .correct = 1234,
                        .count = 10000,
                        .train_seconds = 2,
                        .evaluation_seconds = 1});
  EXPECT_EQ(out.str(), clear + "epoch 1/2  loss 0.5000  test accuracy 0.1234 (1,234 of 10,000)  2.0 s\n");
}

TEST(Progress, ElsewhereThereAreLinesOnly) {
  std::ostringstream out;
  {
    Progress progress(out, nullptr);
    progress.after_step({.step = 1, .steps = 1, .epoch = 1, .loss = 0.5F});
    EXPECT_EQ(out.str(), "");
    progress.after_epoch({.epoch = 1, .epochs = 1, .step = 1, .train_loss = 0.5F, .correct = 1, .count = 2});
  }
  EXPECT_EQ(out.str(), "epoch 1/1  loss 0.5000  test accuracy 0.5000 (1 of 2)  0.0 s\n");
}

}  // namespace
}  // namespace dlfs
