// Our own convolution of 3 x 3 with stride 1 and padding 1, from 64 channels to 64, in 16 bits with sums in f32, and its
// gradient by the data, for the H100's generation alone (sm_90a): 56 us for [512,32,32,64] and 86 for [256,56,56,64] on an H100
// (cuDNN: 100 and 144). The same bits on every run.
// Any thread, with the card as its present device.
#pragma once

#include "dlfs/tensor/device.h"
#include "dlfs/tensor/shape.h"

namespace dlfs {

// The tensors of one call, all of one type: y = x * w (+ add), or with `data_gradient` y = the gradient by the input whose
// gradient by the output is x. `add` may be y.
struct HopperConvolution {
  Shape map;  // [n,h,w,64], of x, add and y
  DType dtype = DType::bf16;
  bool data_gradient = false;
  const void *x = nullptr, *w = nullptr, *add = nullptr;  // w [64,3,3,64]
  void* y = nullptr;
  // With both: the moments of y as it was rounded. Part p has seen counts[p] pixels, perhaps none, and
  // moments[p][k] = {mean of filter k's numbers, the sum of their squared distances from it}. [parts,64,2] and [parts].
  float* moments = nullptr;
  int* counts = nullptr;
};

// Whether this build and the present card have the kernel, and it serves such maps.
bool hopper_convolution_serves(const Shape& map, DType dtype);
// How many parts moments have on the present card.
int hopper_convolution_parts();
// Only enqueues.
void run_hopper_convolution(const HopperConvolution& of, Stream stream);

}  // namespace dlfs
