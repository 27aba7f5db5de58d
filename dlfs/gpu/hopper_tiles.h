// Which maps the H100's own convolution (hopper_convolution.h) takes from cuDNN. Known without a card.
#pragma once

#include "dlfs/tensor/shape.h"

namespace dlfs {

// The filters that it has: of 64 channels, and of a stem in blocks.
constexpr Shape hopper_filters{64, 3, 3, 64}, hopper_stem_filters{64, 4, 4, 16};

// A map [n,h,w,64] is cut into tiles of 8 pixels across and 16 or 14 down.
struct HopperTiles {
  int down;               // rows of pixels in one
  int64_t count, pixels;  // pixels: covered by all, outside of the map too
};

inline HopperTiles hopper_tiles(const Shape& map) {
  constexpr int across = 8;
  const auto rows = [&](int down) { return (map.h + down - 1) / down; };
  const int down = rows(14) * 14 < rows(16) * 16 ? 14 : 16;
  const int64_t count = int64_t{map.n} * rows(down) * ((map.w + across - 1) / across);
  return {down, count, count * down * across};
}

// Where filters w [k,r,s,c] are the kernel's, and the tiles of the map that comes out fill the card and do not lie on many pixels
// outside of it.
inline bool hopper_convolution_pays(const Shape& map, const Shape& w) {
  const HopperTiles tiles = hopper_tiles(map);
  return (w == hopper_filters || w == hopper_stem_filters) && tiles.count >= 132 &&
         100 * tiles.pixels <= 135 * (int64_t{map.n} * map.h * map.w);
}

}  // namespace dlfs
