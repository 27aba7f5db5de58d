// Every stride-th pixel, between channels of zeros: the shortcut without parameters of He et al., 2015 (option A).
//
//   x [n,h,w,c] f32, f16 or bf16           y [n,ceil(h/stride),ceil(w/stride),channels] of its type
//   y[i,j,before+k] = x[i stride,j stride,k]           before = (channels - c) / 2, rounded down; else 0
//
// Backward reads neither x nor y.
#pragma once

#include "dlfs/graph/trace.h"

namespace dlfs {

struct SubsampleSettings {
  int stride = 2;
  int channels = 0;  // of y; at least x's
};

FunctionPtr subsample_function(const SubsampleSettings& settings);
Value subsample(Value x, const SubsampleSettings& settings);

// The halves, chosen in subsample.cpp. Site: in {x}, out {y}.
KernelPtr subsample_forward_cpu(Device&, const Site&, const SubsampleSettings&);
KernelPtr subsample_backward_cpu(Device&, const Site&, const SubsampleSettings&);
KernelPtr subsample_forward_gpu(Device&, const Site&, const SubsampleSettings&);
KernelPtr subsample_backward_gpu(Device&, const Site&, const SubsampleSettings&);

}  // namespace dlfs
