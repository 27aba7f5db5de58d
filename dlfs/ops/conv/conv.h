// Convolution (cross-correlation, as in PyTorch) of images with filters.
//
//   x    [n,h,w,c]           w [k,r,s,c/groups]           bias [1,1,1,k] (optional)
//   y    [n,oh,ow,k]         oh = (h + 2 pad - dilation (r - 1) - 1) / stride + 1, rounded down; ow likewise
//   y    = relu(sum over r, s, c of x * w + bias), relu and bias where asked for
//
// Backward reads x, w and, with relu, y. On the GPU f32 is f32: no engine that rounds to TF32 unless the
// trace's precision is tf32, and never one whose result varies between runs.
#pragma once

#include "dlfs/graph/trace.h"

namespace dlfs {

struct ConvSettings {
  int stride = 1;
  int pad = 0;
  int dilation = 1;
  int groups = 1;
  bool relu = false;
};

FunctionPtr conv_function(const ConvSettings& settings);
Value conv(Value x, Value w, Value bias, const ConvSettings& settings = {});  // a null bias is no bias
Value conv(Value x, Value w, const ConvSettings& settings = {});

// The halves, chosen in conv.cpp. Site: in {x, w, bias}, out {y}.
KernelPtr conv_forward_cpu(Device&, const Site&, const ConvSettings&);
KernelPtr conv_backward_cpu(Device&, const Site&, const ConvSettings&);
KernelPtr conv_forward_gpu(Device&, const Site&, const ConvSettings&);
KernelPtr conv_backward_gpu(Device&, const Site&, const ConvSettings&);

}  // namespace dlfs
