#include "dlfs/tensor/half.h"

#include <cstring>

#include "dlfs/base/error.h"

namespace dlfs {
namespace {

// Calls work(a float of the type).
template <typename Work>
void with_type(DType dtype, const Work& work) {
  if (dtype == DType::f32) work(float{});
  if (dtype == DType::f16) work(F16{});
  if (dtype == DType::bf16) work(Bf16{});
}

}  // namespace

// Scaling by a power of two lets the f32 unit do the work on subnormal numbers too.
F16::F16(float value) {
  const auto whole = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>(whole >> 16 & 0x8000);
  const uint32_t magnitude = whole & 0x7fffffff;
  if (magnitude > 0x7f800000) {  // NaN
    bits = static_cast<uint16_t>(sign | 0x7e00);
  } else if (magnitude >= 0x477ff000) {  // 65,520 and more
    bits = static_cast<uint16_t>(sign | 0x7c00);
  } else if (magnitude < 0x38800000) {  // below 2^-14: a whole multiple of 2^-24
    const float sum = std::bit_cast<float>(magnitude) + 0.5f;
    bits = static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(sum) - 0x3f000000));
  } else {
    bits = static_cast<uint16_t>(sign | ((magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1)) >> 13));
  }
}

F16::operator float() const {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16, magnitude = bits & 0x7fff;
  if (magnitude >= 0x7c00) return std::bit_cast<float>(sign | 0x7f800000 | magnitude << 13);
  const float scaled = std::bit_cast<float>(magnitude << 13) * 0x1p112f;
  return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(scaled));
}

double rounding_of(DType dtype) { return dtype == DType::f16 ? 0x1p-11 : dtype == DType::bf16 ? 0x1p-8 : 0; }

double number_at(const void* content, DType dtype, size_t i) {
  switch (dtype) {
    case DType::f32:
      return static_cast<const float*>(content)[i];
    case DType::f16:
      return static_cast<float>(static_cast<const F16*>(content)[i]);
    case DType::bf16:
      return static_cast<float>(static_cast<const Bf16*>(content)[i]);
    case DType::u8:
      return static_cast<const uint8_t*>(content)[i];
    case DType::i32:
      return static_cast<const int32_t*>(content)[i];
  }
  return 0;
}

void set_number(void* content, DType dtype, size_t i, double value) {
  switch (dtype) {
    case DType::f32:
      static_cast<float*>(content)[i] = static_cast<float>(value);
      break;
    case DType::f16:
      static_cast<F16*>(content)[i] = F16(static_cast<float>(value));
      break;
    case DType::bf16:
      static_cast<Bf16*>(content)[i] = Bf16(static_cast<float>(value));
      break;
    case DType::u8:
      static_cast<uint8_t*>(content)[i] = static_cast<uint8_t>(value);
      break;
    case DType::i32:
      static_cast<int32_t*>(content)[i] = static_cast<int32_t>(value);
      break;
  }
}

void convert(const void* from, DType from_type, void* to, DType to_type, size_t count) {
  DLFS_CHECK(is_float(from_type) && is_float(to_type), to_string(from_type), " to ", to_string(to_type));
  if (from_type == to_type) {
    std::memcpy(to, from, count * bytes(to_type));
  } else {
    with_type(from_type, [&](auto one) {
      using From = decltype(one);
      with_type(to_type, [&](auto other) {
        using To = decltype(other);
        for (size_t i = 0; i < count; ++i)
          static_cast<To*>(to)[i] = To(static_cast<float>(static_cast<const From*>(from)[i]));
      });
    });
  }
}

std::vector<float> download_floats(Device& device, const Tensor& tensor, Stream stream) {
  std::vector<std::byte> content(bytes(tensor.spec));
  device.download(tensor, content.data(), stream);
  std::vector<float> values(static_cast<size_t>(tensor.shape().count()));
  convert(content.data(), tensor.spec.dtype, values.data(), DType::f32, values.size());
  return values;
}

}  // namespace dlfs
