// What Tensor Cores like images to be, and the filters of a net's first convolution that fit: three channels are a slow
// case of every engine.
//
//   plain    [n,h,w,c]            w [k,r,s,c]
//   padded   [n,h,w,4]            w [k,r,s,4]     one more channel, of zeros
//   blocks   [n,h/2+3,w/2+3,16]   w [k,4,4,16]    for 7x7, stride 2, pad 3: squares of 2x2 pixels become one of 12 channels
//                                                 (row, column, colour), and 4 of zeros; the padding is in the map, so
//                                                 that the convolution has stride 1 and pad 0
//
// prepare() writes images in each form. stem_filter() brings filters to it, differentiably, in their own type; gradients
// come back the same way.
#pragma once

#include "dlfs/graph/trace.h"

namespace dlfs {

enum class ImageForm : uint8_t { plain, padded, blocks };

std::string to_string(ImageForm form);
// [n,h,w,3] or [n,h,w,1] in a form. Throws ShapeError where it has none (blocks: odd sizes, other than 3 channels).
Shape formed(const Shape& images, ImageForm form);
// The form that a map of so many channels has: 16: blocks, 4: padded.
ImageForm form_of(const Shape& formed);

// Where block channel `c` (below 12) of block (y, x) lies in the image: row 2 y + dy, column 2 x + dx, outside of it zeros.
struct BlockPlace {
  int dy, dx, channel;
};
constexpr BlockPlace block_place(int c) { return {c / 6 - 4, c / 3 % 2 - 4, c % 3}; }

struct StemFilterSettings {
  ImageForm form = ImageForm::padded;
};
// w [k,r,s,c] -> [k,r,s,4], or [k,7,7,3] -> [k,4,4,16]; plain: w itself, no function is called.
Value stem_filter(Value w, const StemFilterSettings& settings);
FunctionPtr stem_filter_function(const StemFilterSettings& settings);

// The halves, chosen in stem.cpp. Site: in {w}, out {formed w}.
KernelPtr stem_filter_forward_cpu(Device&, const Site&, const StemFilterSettings&);
KernelPtr stem_filter_backward_cpu(Device&, const Site&, const StemFilterSettings&);
KernelPtr stem_filter_forward_gpu(Device&, const Site&, const StemFilterSettings&);
KernelPtr stem_filter_backward_gpu(Device&, const Site&, const StemFilterSettings&);

}  // namespace dlfs
