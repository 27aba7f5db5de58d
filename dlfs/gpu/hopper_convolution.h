// Our own convolution of 3 x 3 with stride 1 and padding 1, from 64 channels to 64, in 16 bits with sums in f32, and its
// gradient by the data, for the H100's generation alone (sm_90a), with the moments of what comes out; and, forward alone, the one
// that a stem in blocks is (ops/image_form.h): 4 x 4 without padding, from 16 channels to 64. How fast: docs/performance.md. The
// same bits on every run. Any thread, with the card as its present device.
#pragma once

#include <memory>

#include "dlfs/gpu/gpu_device.h"
#include "dlfs/gpu/hopper_tiles.h"

namespace dlfs {

// Null where the kernel cannot serve the graph, or the build or the card does not have it; and, unless `any_size`, where too
// few tiles would fill the card or too much of them would lie outside of the map.
std::unique_ptr<ConvEngine> hopper_convolution(GpuDevice& device, const ConvGraph& graph,
                                               bool any_size = false);

// ---- the kernel, for the engine and for tests ----

// The tensors of one call, all of one type: y = relu(x * w + bias + add), each where it is asked for; or with `data_gradient`
// y = the gradient by the input whose gradient by the output is x (+ add). `add` may be y.
struct HopperConvolution {
  Shape map;  // [n,h,w,64], of add, y and, but for the stem, x
  DType dtype = DType::bf16;
  bool stem = false;  // x [n,h+3,w+3,16], w [64,4,4,16]
  bool data_gradient = false, relu = false;
  const void *x = nullptr, *w = nullptr, *bias = nullptr, *add = nullptr;  // w [64,3,3,64], bias [1,1,1,64]
  void* y = nullptr;
  int processors = 132;  // of the card
  // f32 [1,1,2,64]: mean and variance of y, as it was rounded, channel by channel. With it hopper_workspace() bytes, and a
  // counter that is 0 and of which nobody else knows: it is 0 again when the kernel ends.
  float* moments = nullptr;
  void* workspace = nullptr;
  unsigned* ticket = nullptr;
};
size_t hopper_workspace(int processors);

bool built_for_hopper();
// Only enqueues.
void run_hopper_convolution(const HopperConvolution& of, Stream stream);

}  // namespace dlfs
