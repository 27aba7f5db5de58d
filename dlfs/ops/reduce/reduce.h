// Sums and means of x [n,h,w,c] over some of its axes, whose extent becomes 1:
//
//   Over::all        [1,1,1,1]
//   Over::spatial    [n,1,1,c]    over h and w, each channel of each image by itself
//   Over::positions  [1,1,1,c]    over n, h and w, each channel by itself
//   Over::channels   [n,h,w,1]    over c
//   Over::images     [1,h,w,c]    over n
//
// x and y are of one type, f32, f16 or bf16. A sum is taken in f32 (in double on the CPU), in one fixed order. Backward reads neither x nor y.
#pragma once

#include "dlfs/graph/trace.h"

namespace dlfs {

enum class Over : uint8_t { all, spatial, positions, channels, images };

Value sum(Value x, Over over);
Value mean(Value x, Over over);

// The mean over h and w: [n,1,1,c].
inline Value global_average_pool(Value x) { return mean(x, Over::spatial); }

struct ReduceSettings {
  Over over = Over::all;
  bool mean = false;
};

FunctionPtr reduce_function(const ReduceSettings& settings);

// What the sums are multiplied by.
inline float reduce_scale(const ReduceSettings& settings, const Shape& x, const Shape& y) {
  return settings.mean ? static_cast<float>(y.count()) / static_cast<float>(x.count()) : 1;
}

// The halves, chosen in reduce.cpp. Site: in {x}, out {y}.
KernelPtr reduce_forward_cpu(Device&, const Site&, const ReduceSettings&);
KernelPtr reduce_backward_cpu(Device&, const Site&, const ReduceSettings&);
KernelPtr reduce_forward_gpu(Device&, const Site&, const ReduceSettings&);
KernelPtr reduce_backward_gpu(Device&, const Site&, const ReduceSettings&);

}  // namespace dlfs
