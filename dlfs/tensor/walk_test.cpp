#include "dlfs/tensor/walk.h"

#include <gtest/gtest.h>

namespace dlfs::testing {

static void expect_walk(const Walk& found, const Walk& wanted) {
  EXPECT_EQ(found.extents, wanted.extents);
  EXPECT_EQ(found.strides, wanted.strides);
}

TEST(Walk, MergesWhatAllThreeAllow) {
  const Shape whole{2, 3, 4, 5};
  expect_walk(walk(whole, whole, whole), {{1, 1, 1, 120}, {{{0, 0, 0, 1}, {0, 0, 0, 1}, {0, 0, 0, 1}}}});
  expect_walk(walk(whole, whole, {1, 1, 1, 1}), {{1, 1, 1, 120}, {{{0, 0, 0, 1}, {0, 0, 0, 1}, {}}}});
  expect_walk(walk(whole, whole, {1, 1, 1, 5}),
              {{1, 1, 24, 5}, {{{0, 0, 5, 1}, {0, 0, 5, 1}, {0, 0, 0, 1}}}});
  expect_walk(walk(whole, {2, 3, 4, 1}, {1, 3, 4, 5}),
              {{1, 2, 12, 5}, {{{0, 60, 5, 1}, {0, 12, 1, 0}, {0, 0, 5, 1}}}});
  expect_walk(walk(whole, {2, 1, 4, 1}, {1, 3, 1, 5}),
              {{2, 3, 4, 5}, {{{60, 20, 5, 1}, {4, 0, 1, 0}, {0, 5, 0, 1}}}});
}

TEST(Walk, LeavesOutAxesOfOne) {
  expect_walk(walk({2, 1, 1, 5}, {2, 1, 1, 1}, {2, 1, 1, 5}),
              {{1, 1, 2, 5}, {{{0, 0, 5, 1}, {0, 0, 1, 0}, {0, 0, 5, 1}}}});
  expect_walk(walk({1, 1, 1, 1}, {1, 1, 1, 1}, {1, 1, 1, 1}),
              {{1, 1, 1, 1}, {{{0, 0, 0, 1}, {0, 0, 0, 1}, {0, 0, 0, 1}}}});
}

}  // namespace dlfs::testing
