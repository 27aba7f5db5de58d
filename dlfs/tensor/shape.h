// The words of the house: Shape, DType, Spec. Every tensor is a batch of images or feature maps, n x h x w x
// c, densely packed with c innermost; a vector is [1,1,1,c] (one row of features an image: [n,1,1,c]); a
// filter is K,R,S,C: K filters of R x S x C. bytes(spec) is the only size rule. Plain values; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace dlfs {

struct Shape {
  int n = 1, h = 1, w = 1, c = 1;

  int64_t count() const { return int64_t{n} * h * w * c; }
  bool operator==(const Shape&) const = default;
};

enum class DType : uint8_t { f32, f16, bf16, u8, i32 };

struct Spec {
  Shape shape;
  DType dtype = DType::f32;

  bool operator==(const Spec&) const = default;
  explicit operator bool() const { return shape.n > 0; }
};

// The spec of an optional input that is not given.
inline constexpr Spec absent{{0, 0, 0, 0}, DType::f32};

size_t bytes(DType dtype);
size_t bytes(const Spec& spec);
bool is_float(DType dtype);

std::string to_string(DType dtype);                        // "f32"
std::string to_string(const Shape& shape);                 // "[64,28,28,1]"
std::string to_string(const Spec& spec);                   // "f32 [64,28,28,1]"; "left out"
std::string place_of(size_t element, const Shape& shape);  // where it stands, from 0: "[63,27,27,0]"

}  // namespace dlfs
