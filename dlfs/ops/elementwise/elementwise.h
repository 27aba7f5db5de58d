// The elementwise family, each op as torch's of that name (NaN and ties included): every row of table.h is a function
// here, and adding a row adds one.
//
//   y = add(a, b), subtract, multiply, divide, maximum, minimum       also a + b, a - b, a * b, a / b
//   y = negate(x), exp, log, sqrt, abs, relu, sigmoid, tanh, silu, hard_swish                 also -x
//   y = power(x, exponent), leaky_relu(x, slope), clamp(x, {.low, .high})
//
// Maps are f32, f16 or bf16, a, b and y of one type; computing is in f32.
//
// a and b are values or numbers: 1 - x, x / 2, maximum(x, 0.1f). A number is a setting of the function; one that varies
// from step to step is an input [1,1,1,1]. Of two values each extent must be the other's or 1: images [n,h,w,c] with
// channels [1,1,1,c], with a mask [n,h,w,1] or one number an image [n,1,1,1], a map [n,h,w,1] with [1,1,1,c]. The gradient
// of what was repeated is summed over the repeats, in one fixed order. Where maximum or minimum find a tie each side gets
// half of the gradient; that of relu and abs at 0 is 0; clamp passes it at its bounds, too (PyTorch 2.15 no longer does).
#pragma once

#include <limits>
#include <optional>

#include "dlfs/graph/trace.h"
#include "dlfs/ops/elementwise/table.h"
#include "dlfs/tensor/walk.h"

namespace dlfs {

// One side of an op of two: a value, or a number. Made by itself from either.
struct Term {
  Term(Value of) : value(of) {}
  Term(float of) : number(of) {}
  Value value;
  std::optional<float> number;
};

struct ClampSettings {
  float low = -std::numeric_limits<float>::infinity(), high = std::numeric_limits<float>::infinity();
};

#define DLFS_UNARY(name, ...) Value name(Value x);
#define DLFS_NUMBERED(...)
#define DLFS_BINARY(name, ...) Value name(const Term& a, const Term& b);
DLFS_ELEMENTWISE(DLFS_UNARY, DLFS_NUMBERED, DLFS_BINARY)
#undef DLFS_UNARY
#undef DLFS_NUMBERED
#undef DLFS_BINARY

Value power(Value x, float exponent);
Value leaky_relu(Value x, float slope = 0.01F);  // slope >= 0
Value clamp(Value x, const ClampSettings& settings);

inline Value operator+(const Term& a, const Term& b) { return add(a, b); }
inline Value operator-(const Term& a, const Term& b) { return subtract(a, b); }
inline Value operator*(const Term& a, const Term& b) { return multiply(a, b); }
inline Value operator/(const Term& a, const Term& b) { return divide(a, b); }
inline Value operator-(Value x) { return negate(x); }

// ---- the functions themselves: for tables of cases and for the halves ----

#define DLFS_NAME(name, ...) name,
enum class Elementwise : uint8_t { DLFS_ELEMENTWISE(DLFS_NAME, DLFS_NAME, DLFS_NAME) };
#undef DLFS_NAME

// An op and the numbers of one call of it; NaN: not given. `left` or `right` stands where that input is absent.
struct ElementwiseSettings {
  static constexpr float none = std::numeric_limits<float>::quiet_NaN();
  Elementwise kind;
  float left = none, right = none, exponent = none, slope = none, low = none, high = none;
};

FunctionPtr elementwise_function(const ElementwiseSettings& settings);

// How the halves go through a call: `whole` is y, a and b the inputs. A null tensor that has no gradient either is not
// read and counts as [1,1,1,1].
Walk elementwise_walk(const Site& site);

// The halves, chosen in elementwise.cpp. Site: in {a} or {a, b}, out {y}.
KernelPtr elementwise_forward_cpu(Device&, const Site&, const ElementwiseSettings&);
KernelPtr elementwise_backward_cpu(Device&, const Site&, const ElementwiseSettings&);
KernelPtr elementwise_forward_gpu(Device&, const Site&, const ElementwiseSettings&);
KernelPtr elementwise_backward_gpu(Device&, const Site&, const ElementwiseSettings&);

}  // namespace dlfs
