// One element's update, compiled by both halves. Parts: 1, or 2 with momentum.
#pragma once

namespace dlfs {

template <int Parts>
struct SgdElement {
  const float* rate_at;
  float momentum;
  bool nesterov;
  float rate = 0;

  constexpr void begin(int) { rate = *rate_at; }

  constexpr void operator()(float (&at)[Parts], float gradient, float decay) const {
    const float g = gradient + decay * at[0];
    float step = g;
    if constexpr (Parts == 2) {
      at[1] = momentum * at[1] + g;
      step = nesterov ? g + momentum * at[1] : at[1];
    }
    at[0] -= rate * step;
  }
};

}  // namespace dlfs
