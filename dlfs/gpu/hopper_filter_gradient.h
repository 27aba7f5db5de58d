// The gradient by the filters of two convolutions to 64 channels, in 16 bits with sums in f32, for the H100's generation alone
// (sm_90a): of 3 x 3 from 64 channels with stride 1 and padding 1, and of the first one of large nets on images in blocks
// (ops/image_form.h). How fast: docs/performance.md. The same bits on every run. Any thread, with the card as its present device.
#pragma once

#include "dlfs/tensor/device.h"

namespace dlfs {

// All tensors are of one type.
struct HopperFilterGradient {
  Shape map;                       // [n,h,w,64], of dy
  Shape filters = {64, 3, 3, 64};  // where x is [n,h,w,64]; or [64,4,4,16], where x is [n,h+3,w+3,16]
  DType dtype = DType::bf16;
  bool add = false;  // dw += in place of dw =, rounded once
  const void *x = nullptr, *dy = nullptr;
  void* dw = nullptr;
  void* workspace = nullptr;  // hopper_filter_workspace(filters, processors) bytes
  int processors = 132;       // of the card
};
size_t hopper_filter_workspace(const Shape& filters, int processors);

// Only enqueues.
void run_hopper_filter_gradient(const HopperFilterGradient& of, Stream stream);

}  // namespace dlfs
