// Tensors as TMA copies boxes of them (hopper.cuh). For .cu files that include the driver's header, any thread.
#pragma once

#include "dlfs/tensor/shape.h"

struct CUtensorMap_st;  // the driver's CUtensorMap

namespace dlfs {

// A tensor of numbers of 16 bits. In shared memory each pixel of a box is a row of box.c numbers, 128 bytes, whose 16-byte words
// are swapped as products want them.
struct Boxes {
  const void* data = nullptr;
  DType dtype = DType::bf16;
  Shape tensor, box;
  int pixels =
      1;  // so many neighbouring ones are seen as one of pixels * c channels, at each of which another begins
};
CUtensorMap_st encode(const Boxes& of);

}  // namespace dlfs
