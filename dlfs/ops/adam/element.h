// One element's update in f32, compiled by both halves. What does not depend on the element is found once a step.
#pragma once

#include <cmath>

#include "dlfs/ops/adam/adam.h"

namespace dlfs {

class AdamElement {
 public:
  explicit AdamElement(const AdamSettings& with)
      : new_m_(static_cast<float>(1 - with.beta1)),
        new_v_(static_cast<float>(1 - with.beta2)),
        old_v_(static_cast<float>(with.beta2)),
        epsilon_(static_cast<float>(with.epsilon)),
        decoupled_(with.decoupled) {}

  // Begins a step: its rate, and what the moments lack by their start from 0.
  struct Corrections {
    float m, v;  // 1 - beta1^t, 1 - beta2^t
  };
  constexpr void begin(float rate, const Corrections& by) {
    plain_rate_ = rate;
    rate_ = rate / by.m;
    scale_ = 1 / std::sqrt(by.v);
  }

  // at: p, m, v
  constexpr void operator()(float (&at)[3], float gradient, float decay) const {
    const float g = decoupled_ ? gradient : gradient + decay * at[0];
    const float keep = decoupled_ ? 1 - plain_rate_ * decay : 1;
    at[1] += new_m_ * (g - at[1]);
    at[2] = old_v_ * at[2] + new_v_ * g * g;
    at[0] = keep * at[0] - rate_ * at[1] / (scale_ * std::sqrt(at[2]) + epsilon_);
  }

 private:
  float new_m_, new_v_, old_v_, epsilon_;
  bool decoupled_;
  float plain_rate_ = 0, rate_ = 0, scale_ = 1;  // of the present step
};

}  // namespace dlfs
