// Which convolutions our own 3x3 for the H100's generation (hopper_convolution.h) takes from cuDNN. Known without a card.
#pragma once

#include "dlfs/tensor/shape.h"

namespace dlfs {

// x [n,h,w,64], w [64,3,3,64], stride and pad 1, 16 bits: where its tiles, of 8 pixels across and 16 or 14 down, fill the
// card and lie on few pixels beside the map.
inline bool own_3x3_wins(const Shape& x, const Shape& w) {
  if (w != Shape{64, 3, 3, 64} || x.c != 64) return false;
  const auto tiles = [](int size, int tile) { return (size + tile - 1) / tile; };
  const int across = tiles(x.w, 8), down16 = tiles(x.h, 16), down14 = tiles(x.h, 14);
  const int rows = down14 * 14 < down16 * 16 ? 14 : 16;
  const int64_t all = int64_t{x.n} * across * tiles(x.h, rows);
  return all >= 132 && all * 8 * rows * 100 <= int64_t{x.n} * x.h * x.w * 135;
}

}  // namespace dlfs
