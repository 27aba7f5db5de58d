// Group normalisation (Wu and He, 2018): each image by itself, its channels in groups of neighbours, so that it does not
// depend on the batch. With one group it is layer normalisation over a whole map.
//
//   x [n,h,w,c] f32, f16 or bf16; scale, bias f32 [1,1,1,c]; y like x
//
//   y = relu(scale * (x - m) / sqrt(v + epsilon) + bias), relu where asked for
//
// m and v are mean and (biased) variance over h, w and the channels of a group, in f32, without cancellation, and in one
// fixed order. Backward reads x; the sign of what a ReLU saw is made again from it.
#pragma once

#include "dlfs/graph/trace.h"

namespace dlfs {

struct GroupNormSettings {
  int groups = 32;
  float epsilon = 1e-5f;
  bool relu = false;
};
Value group_norm(Value x, Value scale, Value bias, const GroupNormSettings& settings = {});

FunctionPtr group_norm_function(const GroupNormSettings& settings);

// The halves, chosen in group_norm.cpp. Site: in {x, scale, bias}, out {y}, saved {f32 [n,1,1,2 * groups]: of each image the
// means, then 1 / sqrt(v + epsilon)}, null in inference.
KernelPtr group_norm_forward_cpu(Device&, const Site&, const GroupNormSettings&);
KernelPtr group_norm_backward_cpu(Device&, const Site&, const GroupNormSettings&);
KernelPtr group_norm_forward_gpu(Device&, const Site&, const GroupNormSettings&);
KernelPtr group_norm_backward_gpu(Device&, const Site&, const GroupNormSettings&);

}  // namespace dlfs
