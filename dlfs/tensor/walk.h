// How a loop goes through a whole tensor [n,h,w,c] beside two others, a and b, that repeat along some of its axes (their
// extent is 1 there): an operand that is broadcast, or the result of a sum. Axes are merged wherever all three allow it,
// so most walks have one or two and long inner loops. Plain values; any thread.
#pragma once

#include <array>

#include "dlfs/tensor/shape.h"

namespace dlfs {

struct Walk {
  enum Side { whole, a, b };
  static constexpr int inner = 3;  // the axis of neighbours in memory

  // Outermost axis first; those that merging left over stand in front, with extent 1.
  std::array<int, 4> extents{1, 1, 1, 1};
  // By side: the elements from one index to the next along each axis, 0 where the tensor repeats.
  std::array<std::array<int, 4>, 3> strides{};
};

// requires: each extent of a and b is that of `whole`, or 1.
Walk walk(const Shape& whole, const Shape& a, const Shape& b);

}  // namespace dlfs
