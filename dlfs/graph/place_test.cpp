#include <gtest/gtest.h>

#include <algorithm>

#include "dlfs/base/random.h"
#include "dlfs/graph/schedule.h"
#include "dlfs/tensor/tensor.h"

namespace dlfs::testing {
namespace {

Slot slot(int size, int first, int last) {
  return {.name = "", .spec = {{1, 1, 1, size}, DType::u8}, .first = first, .last = last};
}

// The most bytes that live at one time: no placement can be smaller.
size_t floor_bytes(const Schedule& schedule, int end) {
  size_t most = 0;
  for (int t = -1; t <= end; ++t) {
    size_t alive = 0;
    for (const Slot& of : schedule.slots)
      if (of.first <= t && t <= of.last) alive += aligned(bytes(of.spec));
    most = std::max(most, alive);
  }
  return most;
}

bool share_bytes(const Slot& a, const Slot& b) {
  return a.offset < b.offset + bytes(b.spec) && b.offset < a.offset + bytes(a.spec);
}

TEST(Place, WhatDoesNotLiveTogetherSharesBytes) {
  Schedule schedule;
  schedule.slots = {slot(1000, 0, 1), slot(1000, 1, 2), slot(1000, 2, 3), slot(1000, 3, 4)};
  EXPECT_EQ(place(schedule), 2 * aligned(1000));
}

TEST(Place, NothingThatLivesTogetherOverlaps) {
  for (uint64_t round = 0; round < 50; ++round) {
    const Random random(combine(key_of("place"), round));
    Schedule schedule;
    for (int i = 0; i < 60; ++i) {
      const int first = static_cast<int>(random.below(3 * i, 40));
      const int last = first + static_cast<int>(random.below(3 * i + 1, 12));
      schedule.slots.push_back(slot(1 + static_cast<int>(random.below(3 * i + 2, 100000)), first, last));
    }
    const size_t size = place(schedule);
    for (size_t i = 0; i < schedule.slots.size(); ++i) {
      const Slot& a = schedule.slots[i];
      EXPECT_EQ(a.offset % alignment, 0U);
      EXPECT_LE(a.offset + bytes(a.spec), size);
      for (size_t j = 0; j < i; ++j) {
        const Slot& b = schedule.slots[j];
        const bool together = a.first <= b.last && b.first <= a.last;
        EXPECT_FALSE(together && share_bytes(a, b)) << "round " << round << ": slots " << i << " and " << j;
      }
    }
    EXPECT_LE(static_cast<double>(size), 1.3 * static_cast<double>(floor_bytes(schedule, 60)));
  }
}

TEST(Place, LeavesWhatLivesElsewhereAlone) {
  Schedule schedule;
  schedule.slots = {slot(1000, 0, 1)};
  schedule.slots[0].home = Home::state;
  EXPECT_EQ(place(schedule), 0U);
}

}  // namespace
}  // namespace dlfs::testing
