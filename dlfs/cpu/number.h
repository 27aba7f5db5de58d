// The types that maps have on a CPU, f32 and bf16, and how its loops read and write them: computing is in f32 or double.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "dlfs/base/error.h"
#include "dlfs/tensor/half.h"
#include "dlfs/tensor/tensor.h"

namespace dlfs {

// What use.operator()<T>() gives for the type's T: float or Bf16. No half is asked for f16 (ops/halves.h).
template <typename Use>
auto for_type(DType dtype, const Use& use) {
  DLFS_CHECK(dtype == DType::f32 || dtype == DType::bf16, "a CPU half of ", to_string(dtype));
  return dtype == DType::bf16 ? use.template operator()<Bf16>() : use.template operator()<float>();
}

// to = (or +=) value, rounded once.
template <typename T, typename Value>
void put(T& to, Value value, bool add = false) {
  to = static_cast<T>(static_cast<float>(add ? value + static_cast<float>(to) : value));
}
template <typename T>
void put(const float* values, int64_t count, T* to, bool add = false) {
  if (add)
    for (int64_t i = 0; i < count; ++i) put(to[i], values[i], true);
  else
    for (int64_t i = 0; i < count; ++i) to[i] = static_cast<T>(values[i]);
}

// `count` numbers of a tensor from `first` on, as f32: where they stand, or widened into `room`.
inline const float* as_f32(const float* from, int64_t, float*) { return from; }
inline const float* as_f32(const Bf16* from, int64_t count, float* room) {
  for (int64_t i = 0; i < count; ++i) room[i] = static_cast<float>(from[i]);
  return room;
}
inline const float* as_f32(const Tensor& tensor, int64_t first, int64_t count, float* room) {
  return tensor.spec.dtype == DType::bf16 ? as_f32(tensor.as<Bf16>() + first, count, room)
                                          : tensor.as<float>() + first;
}

// Where the numbers of one image at a time add up, in f32: in the tensor itself, or for bf16 in a buffer that is stored
// when the image is done.
template <typename T>
class ImageSums {
 public:
  ImageSums(const Tensor& tensor, bool add)
      : all_(tensor.as<T>()),
        size_(tensor.shape().count() / tensor.shape().n),
        add_(add),
        buffer_(in_place ? 0 : static_cast<size_t>(size_)) {}

  float* begin(int64_t image) {
    if constexpr (in_place) {
      if (!add_) std::fill_n(all_ + image * size_, size_, 0.0F);
      return all_ + image * size_;
    } else {
      std::fill(buffer_.begin(), buffer_.end(), 0.0F);
      return buffer_.data();
    }
  }
  void end(int64_t image) {
    if constexpr (!in_place) put(buffer_.data(), size_, all_ + image * size_, add_);
  }

 private:
  static constexpr bool in_place = std::is_same_v<T, float>;
  T* all_;
  int64_t size_;
  bool add_;
  std::vector<float> buffer_;
};

}  // namespace dlfs
