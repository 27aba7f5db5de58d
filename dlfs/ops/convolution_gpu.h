// What conv and linear share on the GPU: the kernels of a convolution layer with bias and ReLU, each made of
// cuDNN's engines, or of our own kernels where cuDNN has none that the trace's precision allows. It knows no op's
// settings; each half says what graph it is.
#pragma once

#include "dlfs/gpu/gpu_device.h"
#include "dlfs/graph/function.h"

namespace dlfs {

// The layer of a graph whose shapes and steps are given; kind, bias, add and tf32 are filled in from the site.
// Site: in {x, w, bias}, out {y}.
KernelPtr convolution_forward_gpu(GpuDevice& device, const Site& site, ConvGraph graph);
KernelPtr convolution_backward_gpu(GpuDevice& device, const Site& site, ConvGraph graph);

}  // namespace dlfs
