// Convolution (cross-correlation, as in PyTorch) of images with filters.
//
//   x    [n,h,w,c]           w [k,r,s,c/groups]           bias f32 [1,1,1,k] (optional)      add like y (optional)
//   y    [n,oh,ow,k]         oh = (h + 2 pad - dilation (r - 1) - 1) / stride + 1, rounded down; ow likewise
//   y    = relu(sum over r, s, c of x * w + bias + add), relu, bias and add where asked for
//
// x, w, add and y are of one type, f32, f16 or bf16; sums are in f32. With `sums` there is a second output, f32 [1,1,2,k]:
// the sums of y and of its squares over all positions, for a batch norm (batch_norm.h) to take; with `moments` it is y's mean
// and variance, which nothing cancels in.
//
// Backward reads x, w and, with relu, y. `add`, the shortcut of a folded block, is for inference alone: it has no
// gradient. On the GPU f32 is f32: no engine that rounds to TF32 unless the trace's precision is tf32, and never one whose
// result varies between runs, but for `sums`: those of f16 vary in their last bits, as cuDNN adds them up in any order.
#pragma once

#include "dlfs/graph/trace.h"

namespace dlfs {

struct ConvSettings {
  int stride = 1;
  int pad = 0;
  int dilation = 1;
  int groups = 1;
  bool relu = false;
  bool sums = false;
  bool moments = false;
};

struct ConvInputs {
  Value x, w, bias = {}, add = {};
};
struct ConvOutputs {
  Value y, sums;  // sums, or moments: null where they were not asked for
};
ConvOutputs conv(const ConvInputs& in, const ConvSettings& settings);

FunctionPtr conv_function(const ConvSettings& settings);
Value conv(Value x, Value w, Value bias, const ConvSettings& settings = {});  // a null bias is no bias
Value conv(Value x, Value w, const ConvSettings& settings = {});

// The halves, chosen in conv.cpp. Site: in {x, w, bias, add}, out {y, sums}.
KernelPtr conv_forward_cpu(Device&, const Site&, const ConvSettings&);
KernelPtr conv_backward_cpu(Device&, const Site&, const ConvSettings&);
KernelPtr conv_forward_gpu(Device&, const Site&, const ConvSettings&);
KernelPtr conv_backward_gpu(Device&, const Site&, const ConvSettings&);

}  // namespace dlfs
