// What our own kernels over [n,h,w,c] share: channels side by side that are read and written in one access, and where
// the i-th of them stands. Free of the vendor's headers; nvcc lets constexpr functions run in kernels.
#pragma once

#include "dlfs/gpu/divisor.h"
#include "dlfs/tensor/shape.h"

namespace dlfs {

// requires: tensors begin at a multiple of its size (those of an arena do), and `width` divides their channels.
template <typename T, int width>
struct alignas(sizeof(T) * width) Pack {
  T at[width];
};

// to += weight * from
template <int width>
constexpr void accumulate(Pack<float, width>& to, const Pack<float, width>& from, float weight = 1) {
  for (int k = 0; k < width; ++k) to.at[k] += weight * from.at[k];
}

struct Place {
  int n, h, w, c;  // c counts packs
};

// Where the packs of a tensor stand, `width` channels each.
struct Places {
  Places(const Shape& shape, int width)
      : packs(shape.c / width),
        across(shape.w),
        down(shape.h),
        count(static_cast<unsigned>(shape.count() / width)) {}

  constexpr Place at(unsigned i) const {
    unsigned c = 0, w = 0, h = 0;
    const unsigned n = down.split(across.split(packs.split(i, c), w), h);
    return {static_cast<int>(n), static_cast<int>(h), static_cast<int>(w), static_cast<int>(c)};
  }

  Divisor packs, across, down;
  unsigned count;  // of packs
};

}  // namespace dlfs
