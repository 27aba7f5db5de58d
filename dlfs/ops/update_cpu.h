// The loop that the updates of all parameters share on the CPU. What is done to an element is the update's, which the GPU
// half takes as well (update_gpu.cuh):
//
//   struct Sgd {
//     constexpr void begin(int row);  before the first element of a row
//     constexpr void operator()(float (&at)[parts], float gradient, float decay) const;  p and what is kept of it
//   };
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "dlfs/ops/update.h"
#include "dlfs/tensor/half.h"

namespace dlfs {

constexpr int64_t update_stretch = 1024;  // stays in the first cache

template <typename Work>
void for_stretches(int64_t count, const Work& work) {
  for (int64_t from = 0; from < count; from += update_stretch)
    work(from, std::min(update_stretch, count - from));
}

inline void* element_of(const Tensor& tensor, int64_t i) {
  return tensor.as<std::byte>() + static_cast<size_t>(i) * bytes(tensor.spec.dtype);
}

// Stretch by stretch the gradient is widened, elements are updated, the copy is rounded.
template <int Parts, typename Update>
void update_row(const UpdateRow& row, float factor, const Update& update) {
  for_stretches(row.parameter.shape().count(), [&](int64_t from, int64_t size) {
    const auto count = static_cast<size_t>(size);
    float gradient[update_stretch];
    convert(element_of(row.gradient, from), row.gradient.spec.dtype, gradient, DType::f32, count);
    float* part[Parts] = {row.parameter.as<float>() + from};
    for (int k = 1; k < Parts; ++k) part[k] = row.kept[static_cast<size_t>(k) - 1].as<float>() + from;
    for (int64_t i = 0; i < size; ++i) {
      float at[Parts];
      for (int k = 0; k < Parts; ++k) at[k] = part[k][i];
      update(at, gradient[i] * factor, row.decay);
      for (int k = 0; k < Parts; ++k) part[k][i] = at[k];
    }
    if (row.copy) convert(part[0], DType::f32, element_of(row.copy, from), row.copy.spec.dtype, count);
  });
}

// Returns whether the step counts.
template <int Parts, typename Update>
bool update_all(const std::vector<UpdateRow>& rows, const float* factor, Update& update) {
  if (factor != nullptr && *factor == 0) return false;
  for (size_t row = 0; row < rows.size(); ++row) {
    update.begin(static_cast<int>(row));
    update_row<Parts>(rows[row], factor == nullptr ? 1 : *factor, std::as_const(update));
  }
  return true;
}

}  // namespace dlfs
