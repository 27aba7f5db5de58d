// Pixel shuffle and its inverse, as torch.nn.PixelShuffle and PixelUnshuffle (Shi et al., "Real-Time Single Image and
// Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural Network", 2016): channels become pixels, so
// that convolutions do their work on a map that is small; or pixels channels, as a first layer that loses nothing.
//
//   shuffle   x [n,h,w,c*f*f] -> y [n,h*f,w*f,c]           inverse   x [n,h*f,w*f,c] -> y [n,h,w,c*f*f]
//
// Pixel (row, column) of a block of f x f pixels, channel c, is channel (c * f + row) * f + column of the deep map.
// Nothing is computed: the gradient of one is the other, and backward reads no tensor but d_y.
#pragma once

#include "dlfs/graph/trace.h"

namespace custom_op {
using namespace dlfs;

struct PixelShuffleSettings {
  int factor = 2;
  bool inverse = false;
};

FunctionPtr pixel_shuffle_function(const PixelShuffleSettings& settings);
Value pixel_shuffle(Value x, const PixelShuffleSettings& settings = {});

// The halves, chosen in pixel_shuffle.cpp. Site: in {x}, out {y}.
KernelPtr pixel_shuffle_forward_cpu(Device&, const Site&, const PixelShuffleSettings&);
KernelPtr pixel_shuffle_backward_cpu(Device&, const Site&, const PixelShuffleSettings&);
KernelPtr pixel_shuffle_forward_gpu(Device&, const Site&, const PixelShuffleSettings&);
KernelPtr pixel_shuffle_backward_gpu(Device&, const Site&, const PixelShuffleSettings&);

}  // namespace custom_op
