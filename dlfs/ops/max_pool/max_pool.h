// Max pooling over square windows, each channel by itself; outside the image is minus infinity, as in
// PyTorch.
//
//   x    [n,h,w,c]           bias f32 [1,1,1,c] (optional)
//   y    [n,oh,ow,c]         oh = (h + 2 pad - size) / stride + 1, rounded down; ow likewise
//   y    = relu(the largest of the window + bias), relu and bias where asked for
//
// Of equal values the first in reading order wins; a NaN wins over all. Forward keeps where the winner stood
// (u8, row * size + column in the window), so backward reads neither x nor y; windows that overlap add up in
// a fixed order. The largest of what a bias and a ReLU leave is what they leave of the largest, so both cost
// less behind the pool than before it. `bias`, of a folded norm, is for inference alone: it has no gradient.
#pragma once

#include "dlfs/graph/trace.h"

namespace dlfs {

struct MaxPoolSettings {
  int size = 2;
  int stride = 0;  // 0: size, windows side by side
  int pad = 0;     // at most size / 2
  bool relu = false;

  int step() const { return stride == 0 ? size : stride; }
};

constexpr uint8_t no_winner = 255;  // the ReLU let nothing through

FunctionPtr max_pool_function(const MaxPoolSettings& settings);
Value max_pool(Value x, const MaxPoolSettings& settings = {});
Value max_pool(Value x, Value bias, const MaxPoolSettings& settings);  // a null bias is no bias

// The halves, chosen in max_pool.cpp. Site: in {x, bias}, out {y}, saved {winner u8 [n,oh,ow,c]}, null in
// inference.
KernelPtr max_pool_forward_cpu(Device&, const Site&, const MaxPoolSettings&);
KernelPtr max_pool_backward_cpu(Device&, const Site&, const MaxPoolSettings&);
KernelPtr max_pool_forward_gpu(Device&, const Site&, const MaxPoolSettings&);
KernelPtr max_pool_backward_gpu(Device&, const Site&, const MaxPoolSettings&);

}  // namespace dlfs
