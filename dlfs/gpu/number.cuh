// The types that maps have in kernels, float, F16 and Bf16 (tensor/half.h), and how these read and write them: computing is
// in f32. Free of the vendor's headers. For .cu files.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "dlfs/base/error.h"
#include "dlfs/gpu/pack.h"
#include "dlfs/tensor/half.h"

namespace dlfs {

// What use.operator()<T>() gives for the type's T.
template <typename Use>
auto for_type(DType dtype, const Use& use) {
  if (dtype == DType::f16) return use.template operator()<F16>();
  if (dtype == DType::bf16) return use.template operator()<Bf16>();
  DLFS_CHECK(dtype == DType::f32, "a map of ", to_string(dtype));
  return use.template operator()<float>();
}

// A number as f32, and rounded to the nearest from it.
__host__ __device__ inline float wide(float number) { return number; }
__host__ __device__ inline float wide(F16 number) {
#ifdef __CUDA_ARCH__
  float value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(number.bits));
  return value;
#else
  return static_cast<float>(number);
#endif
}
__host__ __device__ inline float wide(Bf16 number) {
#ifdef __CUDA_ARCH__
  return __uint_as_float(static_cast<unsigned>(number.bits) << 16);
#else
  return static_cast<float>(number);
#endif
}

template <typename T>
__device__ T rounded(float value) {
  if constexpr (std::is_same_v<T, float>) {
    return value;
  } else {
    T number;
    if constexpr (std::is_same_v<T, F16>) {
      asm("cvt.rn.f16.f32 %0, %1;" : "=h"(number.bits) : "f"(value));
    } else {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
      asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(number.bits) : "f"(value));
#else
      const unsigned whole = __float_as_uint(value);
      const bool nan = (whole & 0x7fffffff) > 0x7f800000;
      number.bits =
          static_cast<uint16_t>(nan ? (whole >> 16) | 0x40 : (whole + 0x7fff + (whole >> 16 & 1)) >> 16);
#endif
    }
    return number;
  }
}

// ---- `width` numbers side by side, in one access ----

template <typename T>
inline constexpr int full_width = 16 / sizeof(T);

template <size_t size>
struct WordOf {
  using type = uint4;
};
template <>
struct WordOf<8> {
  using type = uint2;
};
template <>
struct WordOf<4> {
  using type = unsigned;
};
template <>
struct WordOf<2> {
  using type = unsigned short;
};
template <>
struct WordOf<1> {
  using type = unsigned char;
};
// The widest word that `size` bytes are made of.
template <size_t size>
using Word = typename WordOf<size % 16 == 0 ? 16 : size&(~size + 1)>::type;

template <int width, typename T>
__device__ Pack<float, width> load(const T* from) {
  const auto word = *reinterpret_cast<const Word<sizeof(T) * width>*>(from);
  T numbers[width];
  memcpy(numbers, &word, sizeof word);
  Pack<float, width> values;
#pragma unroll
  for (int k = 0; k < width; ++k) values.at[k] = wide(numbers[k]);
  return values;
}

// to = (or +=) values
template <int width, typename T>
__device__ void store(T* to, Pack<float, width> values, bool add = false) {
  if (add) accumulate(values, load<width>(to));
  T numbers[width];
#pragma unroll
  for (int k = 0; k < width; ++k) numbers[k] = rounded<T>(values.at[k]);
  Word<sizeof(T) * width> word;
  memcpy(&word, numbers, sizeof word);
  *reinterpret_cast<Word<sizeof(T) * width>*>(to) = word;
}

// What use.operator()<T, width>() gives, with the widest width that divides `channels`.
template <typename Use>
auto for_packs(DType dtype, int channels, const Use& use) {
  return for_type(dtype, [&]<typename T>() {
    if (channels % full_width<T> == 0) return use.template operator()<T, full_width<T>>();
    if (channels % 2 == 0) return use.template operator()<T, 2>();
    return use.template operator()<T, 1>();
  });
}

}  // namespace dlfs
