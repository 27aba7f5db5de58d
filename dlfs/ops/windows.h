// The square windows of a pool, what max_pool and avg_pool share: one pixel of y [n,oh,ow,c] sees one window of
// x [n,h,w,c], oh = (h + 2 pad - size) / stride + 1, rounded down. nvcc lets constexpr functions run in kernels.
#pragma once

#include <algorithm>
#include <string>

#include "dlfs/base/error.h"
#include "dlfs/ops/halves.h"
#include "dlfs/tensor/shape.h"

namespace dlfs {

struct Windows {
  Shape x, y;
  int size, step, pad;

  struct Range {
    int first, last;  // last excluded
  };

  // Which rows (or columns) of a window that begins at `corner` lie inside the image, which has `length` of them.
  constexpr Range inside(int corner, int length) const {
    return {std::max(0, -corner), std::min(size, length - corner)};
  }

  // Which of `count` windows, down (or across) the image, see its row (or column) `at`.
  constexpr Range seeing(int at, int count) const {
    return {std::max(0, (at + pad - size + step) / step), std::min(count, (at + pad) / step + 1)};
  }

  // How many windows see one pixel at most.
  int64_t overlap() const {
    const int64_t a_side = (size - 1) / step + 1;
    return a_side * a_side;
  }

  // In the order of one image's outputs, visit(corner, rows, columns, output): where in that image the window's first pixel
  // lies (or would lie, outside of it), which of its rows and columns are inside, and where in y its channels begin.
  template <typename Visit>
  void each(int n, Visit visit) const {
    int64_t output = int64_t{n} * y.h * y.w * y.c;
    for (int top = -pad, i = 0; i < y.h; ++i, top += step)
      for (int left = -pad, j = 0; j < y.w; ++j, left += step, output += y.c)
        visit((int64_t{top} * x.w + left) * x.c, inside(top, x.h), inside(left, x.w), output);
  }
  int64_t image() const { return int64_t{x.h} * x.w * x.c; }  // numbers in one of x
};

// Settings: of a pool, with size, step() and pad.
template <typename Settings>
Windows windows_over(const Shape& x, const Settings& settings) {
  const auto count = [&](int length) {
    return (length + 2 * settings.pad - settings.size) / settings.step() + 1;
  };
  return {x, {x.n, count(x.h), count(x.w), x.c}, settings.size, settings.step(), settings.pad};
}

// The same for a pool's infer: throws ShapeError(op, …) where settings and x do not fit.
template <typename Settings>
Windows checked_windows(const std::string& op, const Spec& x, const Settings& settings, int largest) {
  const int size = settings.size, pad = settings.pad;
  const auto refuse = [&](const auto&... fact) { throw ShapeError(op, concat(fact...)); };
  check_map(op, "x", x);
  if (size < 1 || size > largest) refuse("size ", size, " is not between 1 and ", largest);
  constexpr int most = 1 << 30;  // sums of an extent, a stride and a size stay whole numbers
  if (settings.stride > most || x.shape.h > most || x.shape.w > most)
    refuse("stride ", settings.stride, " or x ", to_string(x.shape), " is more than ", most,
           " rows or columns");
  if (settings.stride < 0 || pad < 0 || pad > size / 2)
    refuse("stride ", settings.stride, " must not be negative and pad ", pad, " at most half of size ", size);
  if (x.shape.h + 2 * pad < size || x.shape.w + 2 * pad < size)
    refuse("a window of ", size, " is larger than x ", to_string(x.shape), " padded by ", pad);
  return windows_over(x.shape, settings);
}

}  // namespace dlfs
