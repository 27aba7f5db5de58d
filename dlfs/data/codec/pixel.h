// One pixel from what a file had to what was asked for. Any thread.
#pragma once

#include <cstdint>

#include "dlfs/data/picture.h"

namespace dlfs {

// a * b / 255, rounded: the product of two samples as parts of 1.
inline uint8_t times(int a, int b) { return static_cast<uint8_t>((a * b + 127) / 255); }

// ITU-R BT.601's luma, in libjpeg's numbers.
inline uint8_t luma(Color color) {
  return static_cast<uint8_t>((19595 * color.red + 38470 * color.green + 7471 * color.blue + 32768) >> 16);
}

// requires: `to` has `channels` bytes, as dlfs::Image has them.
inline void put_pixel(Color color, int channels, uint8_t* to) {
  if (channels == 1) {
    to[0] = luma(color);
    return;
  }
  to[0] = color.red;
  to[1] = color.green;
  to[2] = color.blue;
  if (channels == 4) to[3] = 255;
}

}  // namespace dlfs
