// The 16-bit floats on the host: f16 (IEEE 754 binary16: 11 bits of mantissa, up to 65,504) and bf16 (the upper half of
// an f32: 8 bits, f32's range). Rounded to the nearest, ties to even, as every device does; what is too large becomes
// infinity, NaN stays NaN. Any thread.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "dlfs/tensor/device.h"

namespace dlfs {

struct Bf16 {
  uint16_t bits = 0;

  Bf16() = default;
  explicit Bf16(float value) {
    const auto whole = std::bit_cast<uint32_t>(value);
    const bool nan = (whole & 0x7fffffff) > 0x7f800000;
    bits = static_cast<uint16_t>(nan ? (whole >> 16) | 0x40 : (whole + 0x7fff + (whole >> 16 & 1)) >> 16);
  }
  explicit operator float() const { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }
};

struct F16 {
  uint16_t bits = 0;

  F16() = default;
  explicit F16(float value);
  explicit operator float() const;
};

// How far a number of the type may lie from what it stands for, relative to it: 2^-11, 2^-8; 0 for f32 and whole numbers.
double rounding_of(DType dtype);

// Element i of content of any type, and as what it is stored.
double number_at(const void* content, DType dtype, size_t i);
void set_number(void* content, DType dtype, size_t i, double value);

// `count` numbers from one type to another; both of them floats.
void convert(const void* from, DType from_type, void* to, DType to_type, size_t count);

// What a tensor of floats holds, once all work enqueued on the stream before has ended.
std::vector<float> download_floats(Device& device, const Tensor& tensor, Stream stream);

}  // namespace dlfs
