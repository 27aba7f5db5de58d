// What Tensor Cores like images to be: three channels are a slow case of every engine. prepare() writes images in each
// form; ops/stem/stem.h brings the filters of a net's first convolution to it.
//
//   plain    [n,h,w,c]
//   padded   [n,h,w,8]            channels of zeros behind the image's: a pixel in 16 bits is what one copy moves
//   blocks   [n,h/2+3,w/2+3,16]   for 7x7, stride 2, pad 3: squares of 2x2 pixels become one of 12 channels (row, column,
//                                 colour), and 4 of zeros; the padding is in the map, so that the convolution has
//                                 stride 1 and pad 0
#pragma once

#include <cstdint>
#include <string>

#include "dlfs/tensor/shape.h"

namespace dlfs {

enum class ImageForm : uint8_t { plain, padded, blocks };

std::string to_string(ImageForm form);
// [n,h,w,3] or [n,h,w,1] in a form. Throws ShapeError where it has none (blocks: odd sizes, other than 3 channels).
Shape formed(const Shape& images, ImageForm form);
// The form that a map of so many channels has: 16: blocks, 8: padded.
ImageForm form_of(const Shape& formed);

// Where block channel `c` (below 12) of block (y, x) lies in the image: row 2 y + dy, column 2 x + dx, outside of it zeros.
struct BlockPlace {
  int dy, dx, channel;
};
constexpr BlockPlace block_place(int c) { return {c / 6 - 4, c / 3 % 2 - 4, c % 3}; }

}  // namespace dlfs
