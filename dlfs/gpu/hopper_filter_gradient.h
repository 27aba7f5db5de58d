// The gradient by the filters of a convolution of 3 x 3 with stride 1 and padding 1 from 64 channels to 64, in 16 bits with
// sums in f32, for the H100's generation alone (sm_90a): 64 us for [512,32,32,64] and 91 for [256,56,56,64] on an H100 (cuDNN: 90
// and 129). The same bits on every run. Any thread, with the card as its present device.
#pragma once

#include "dlfs/tensor/device.h"

namespace dlfs {

// All tensors are of one type.
struct HopperFilterGradient {
  Shape map;  // [n,h,w,64], of x and dy
  DType dtype = DType::bf16;
  bool add = false;  // dw += in place of dw =, rounded once
  const void *x = nullptr, *dy = nullptr;
  void* dw = nullptr;         // [64,3,3,64]
  void* workspace = nullptr;  // hopper_filter_workspace(processors) bytes
  int processors = 132;       // of the card
};
size_t hopper_filter_workspace(int processors);

// Only enqueues.
void run_hopper_filter_gradient(const HopperFilterGradient& of, Stream stream);

}  // namespace dlfs
