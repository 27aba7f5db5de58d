// The rows of table.h as types that the loops and kernels of both halves are made of: Formula<Kind, Part>::at computes
// one element, ::reads says what it takes, and ::inputs is 1 or 2. For the files of this folder.
#pragma once

#include <cmath>

#include "dlfs/ops/elementwise/elementwise.h"

#ifdef __CUDACC__
#define DLFS_BOTH __host__ __device__
#else
#define DLFS_BOTH
#endif

namespace dlfs::elementwise {

enum class Part : uint8_t { value, gradient_a, gradient_b };
enum Reads : uint8_t { none = 0, of_a = 1, of_b = 2, of_y = 4, of_d = 8 };

// ---- what the formulas are made of ----

// A NaN on either side stays.
DLFS_BOTH inline float larger(float a, float b) { return a > b || a != a ? a : b; }
DLFS_BOTH inline float smaller(float a, float b) { return a < b || a != a ? a : b; }
DLFS_BOTH inline float clamped(float a, float low, float high) { return smaller(larger(a, low), high); }
// What of d belongs to a, unless a is below b: all, or half where they are equal.
DLFS_BOTH inline float unless_below(float a, float b, float d) { return a < b ? 0 : a == b ? d / 2 : d; }

DLFS_BOTH inline float logistic(float a) { return 1 / (1 + std::exp(-a)); }
DLFS_BOTH inline float silu_slope(float a) {
  const float y = logistic(a);
  return y * (1 + a * (1 - y));
}
DLFS_BOTH inline float hard_swish_slope(float a) { return a <= -3 ? 0 : a < 3 ? a / 3 + 0.5F : 1; }

DLFS_BOTH inline float raised(float a, float exponent) {
  return exponent == 1 ? a : exponent == 2 ? a * a : std::pow(a, exponent);
}
DLFS_BOTH inline float power_slope(float a, float exponent) {
  return exponent == 0 ? 0 : exponent * raised(a, exponent - 1);
}

// ---- the rows ----

template <Elementwise Kind, Part Which>
struct Formula;

#define DLFS_FORMULA(kind, part, arity, takes, expression)                                                  \
  template <>                                                                                               \
  struct Formula<Elementwise::kind, Part::part> {                                                           \
    static constexpr int inputs = arity, reads = takes;                                                     \
    DLFS_BOTH static float at([[maybe_unused]] float a, [[maybe_unused]] float b, [[maybe_unused]] float y, \
                              [[maybe_unused]] float d, [[maybe_unused]] const ElementwiseSettings& s) {    \
      return expression;                                                                                    \
    }                                                                                                       \
  };
#define DLFS_UNARY(kind, of, gradient, reads) \
  DLFS_FORMULA(kind, value, 1, of_a, of)      \
  DLFS_FORMULA(kind, gradient_a, 1, reads | of_d, gradient)
#define DLFS_BINARY(kind, of, gradient, reads, other_gradient, other_reads) \
  DLFS_FORMULA(kind, value, 2, of_a | of_b, of)                             \
  DLFS_FORMULA(kind, gradient_a, 2, reads | of_d, gradient)                 \
  DLFS_FORMULA(kind, gradient_b, 2, other_reads | of_d, other_gradient)

DLFS_ELEMENTWISE(DLFS_UNARY, DLFS_UNARY, DLFS_BINARY)
#undef DLFS_UNARY
#undef DLFS_BINARY
#undef DLFS_FORMULA

// What use(Formula) gives for the formula of that kind and part. requires: no gradient_b of a unary op.
template <typename Use>
auto with_formula(Elementwise kind, Part part, const Use& use) {
  switch (kind) {
#define DLFS_UNARY(kind, ...)                                                   \
  case Elementwise::kind:                                                       \
    return part == Part::value ? use(Formula<Elementwise::kind, Part::value>{}) \
                               : use(Formula<Elementwise::kind, Part::gradient_a>{});
#define DLFS_BINARY(kind, ...)                                                              \
  case Elementwise::kind:                                                                   \
    return part == Part::value        ? use(Formula<Elementwise::kind, Part::value>{})      \
           : part == Part::gradient_a ? use(Formula<Elementwise::kind, Part::gradient_a>{}) \
                                      : use(Formula<Elementwise::kind, Part::gradient_b>{});
    DLFS_ELEMENTWISE(DLFS_UNARY, DLFS_UNARY, DLFS_BINARY)
#undef DLFS_UNARY
#undef DLFS_BINARY
  }
  DLFS_CHECK(false, "no elementwise op ", static_cast<int>(kind));
}

}  // namespace dlfs::elementwise
