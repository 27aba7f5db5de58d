// A linear layer over whole feature maps: every output sees every pixel and channel.
//
//   x    [n,h,w,c]           w [k,h,w,c]           bias f32 [1,1,1,k] (optional)           y [n,1,1,k]
//   y    = relu(sum over h, w, c of x * w + bias), relu and bias where asked for
//
// x, w and y are of one type, f32, f16 or bf16. In memory it is a 1x1 convolution of [n,1,1,h*w*c] with [k,1,1,h*w*c]. Backward reads x, w and, with relu,
// y.
#pragma once

#include "dlfs/graph/trace.h"

namespace dlfs {

struct LinearSettings {
  bool relu = false;
};

FunctionPtr linear_function(const LinearSettings& settings);
Value linear(Value x, Value w, Value bias, const LinearSettings& settings = {});  // a null bias is no bias

// The halves, chosen in linear.cpp. Site: in {x, w, bias}, out {y}.
KernelPtr linear_forward_cpu(Device&, const Site&, const LinearSettings&);
KernelPtr linear_backward_cpu(Device&, const Site&, const LinearSettings&);
KernelPtr linear_forward_gpu(Device&, const Site&, const LinearSettings&);
KernelPtr linear_backward_gpu(Device&, const Site&, const LinearSettings&);

}  // namespace dlfs
