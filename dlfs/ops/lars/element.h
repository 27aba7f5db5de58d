// One parameter's ratio and one element's update, compiled by both halves.
#pragma once

#include <cmath>

#include "dlfs/ops/lars/lars.h"

namespace dlfs {

// Sums of squares, in double since an f32's square may be too small for one.
struct LarsSquares {
  double parameter, gradient;

  constexpr LarsSquares& operator+=(const LarsSquares& other) {
    parameter += other.parameter;
    gradient += other.gradient;
    return *this;
  }

  constexpr float ratio(float factor, float trust, float decay) const {
    const double p = std::sqrt(parameter), g = std::sqrt(gradient) * factor;
    return p > 0 && g > 0 ? static_cast<float>(trust * p / (g + decay * p)) : 1;
  }
};

struct LarsElement {
  const float *rate_at, *ratios;
  float momentum, rate = 0;

  constexpr void begin(int row) { rate = *rate_at * ratios[row]; }

  constexpr void operator()(float (&at)[2], float gradient, float decay) const {
    at[1] = momentum * at[1] + rate * (gradient + decay * at[0]);
    at[0] -= at[1];
  }
};

}  // namespace dlfs
