#include "dlfs/tensor/shape.h"

#include "dlfs/base/text.h"

namespace dlfs {

size_t bytes(DType dtype) {
  switch (dtype) {
    case DType::f32:
    case DType::i32:
      return 4;
    case DType::f16:
    case DType::bf16:
      return 2;
    case DType::u8:
      return 1;
  }
  return 0;
}

size_t bytes(const Spec& spec) { return static_cast<size_t>(spec.shape.count()) * bytes(spec.dtype); }

bool is_float(DType dtype) { return dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16; }

std::string to_string(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "f32";
    case DType::f16:
      return "f16";
    case DType::bf16:
      return "bf16";
    case DType::u8:
      return "u8";
    case DType::i32:
      return "i32";
  }
  return "?";
}

std::string to_string(const Shape& shape) {
  return concat("[", shape.n, ",", shape.h, ",", shape.w, ",", shape.c, "]");
}

std::string to_string(const Spec& spec) {
  return spec ? to_string(spec.dtype) + " " + to_string(spec.shape) : "left out";
}

std::string place_of(size_t element, const Shape& shape) {
  const size_t c = element % shape.c, x = element / shape.c % shape.w,
               y = element / shape.c / shape.w % shape.h;
  return concat("[", element / shape.c / shape.w / shape.h, ",", y, ",", x, ",", c, "]");
}

}  // namespace dlfs
