// Where the weights of a filter stand in its form, for both halves. nvcc lets constexpr functions run in kernels.
#pragma once

#include "dlfs/ops/stem/stem.h"

namespace dlfs {

struct StemPlaces {
  StemPlaces(const Shape& of_w, const Shape& of_y)
      : w(of_w), y(of_y), blocks(form_of(of_y) == ImageForm::blocks) {}

  // The weight that stands at `place` of the form, -1 where a zero does. Block row r and its row c / 6 lie 2 r - 4 + c / 6
  // rows from the output's first, the filter's row i lies i - 3 from it.
  constexpr int weight_at(int place) const {
    const int c = place % y.c, s = place / y.c % y.w, r = place / y.c / y.w % y.h,
              k = place / y.c / y.w / y.h;
    if (!blocks) return c < w.c ? ((k * w.h + r) * w.w + s) * w.c + c : -1;
    const BlockPlace at = block_place(c);
    const int row = 2 * r + at.dy + 3, column = 2 * s + at.dx + 3;
    return c < 12 && row >= 0 && column >= 0 ? ((k * w.h + row) * w.w + column) * w.c + at.channel : -1;
  }
  // Where a weight stands: each has one place.
  constexpr int place_of(int weight) const {
    const int c = weight % w.c, s = weight / w.c % w.w, r = weight / w.c / w.w % w.h,
              k = weight / w.c / w.w / w.h;
    if (!blocks) return ((k * y.h + r) * y.w + s) * y.c + c;
    const int row = r + 1, column = s + 1;  // from the first block's first
    return ((k * y.h + row / 2) * y.w + column / 2) * y.c + (row % 2 * 2 + column % 2) * 3 + c;
  }

  Shape w, y;
  bool blocks;
};

}  // namespace dlfs
