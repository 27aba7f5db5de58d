// Average pooling over square windows, each channel by itself, as torch.nn.AvgPool2d.
//
//   x    [n,h,w,c]           y [n,oh,ow,c]                oh = (h + 2 pad - size) / stride + 1, rounded down
//
// Outside the image are zeros; they count as pixels or, without count_include_pad, do not. Backward reads neither x nor
// y; windows that overlap add up in a fixed order.
#pragma once

#include "dlfs/graph/trace.h"

namespace dlfs {

struct AvgPoolSettings {
  int size = 2;
  int stride = 0;  // 0: size, windows side by side
  int pad = 0;     // at most size / 2
  bool count_include_pad = true;

  constexpr int step() const { return stride == 0 ? size : stride; }
  // What a pixel counts in the mean of a window that has this many rows and columns inside the image.
  constexpr float share(int rows, int columns) const {
    return 1.0F / (count_include_pad ? static_cast<float>(size) * static_cast<float>(size)
                                     : static_cast<float>(rows) * static_cast<float>(columns));
  }
};

FunctionPtr avg_pool_function(const AvgPoolSettings& settings);
Value avg_pool(Value x, const AvgPoolSettings& settings = {});

// The halves, chosen in avg_pool.cpp. Site: in {x}, out {y}.
KernelPtr avg_pool_forward_cpu(Device&, const Site&, const AvgPoolSettings&);
KernelPtr avg_pool_backward_cpu(Device&, const Site&, const AvgPoolSettings&);
KernelPtr avg_pool_forward_gpu(Device&, const Site&, const AvgPoolSettings&);
KernelPtr avg_pool_backward_gpu(Device&, const Site&, const AvgPoolSettings&);

}  // namespace dlfs
