// What conv and linear share on the GPU: the kernels of a convolution layer with bias, shortcut, ReLU and sums, each made
// of cuDNN's engines, or of our own kernels where cuDNN has none that the trace's precision allows. It knows no op's
// settings; each half says what graph it is.
#pragma once

#include "dlfs/gpu/gpu_device.h"
#include "dlfs/graph/function.h"

namespace dlfs {

struct ConvolutionLayer {
  ConvGraph graph;  // its shapes and steps; all else is filled in from the site
  bool relu = false;
};

// Site: in {x, w, bias, add}, out {y, sums}; the last of each may be left out.
KernelPtr convolution_forward_gpu(GpuDevice& device, const Site& site, ConvolutionLayer layer);
KernelPtr convolution_backward_gpu(GpuDevice& device, const Site& site, ConvolutionLayer layer);

}  // namespace dlfs
