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
        into_g_(with.decoupled ? 0 : static_cast<float>(with.weight_decay)),
        off_p_(with.decoupled ? static_cast<float>(with.weight_decay) : 0) {}

  // Begins a step: its rate, and what the moments lack by their start from 0.
  struct Corrections {
    float m, v;  // 1 - beta1^t, 1 - beta2^t
  };
  constexpr void begin(float rate, const Corrections& by) {
    keep_ = 1 - rate * off_p_;
    rate_ = rate / by.m;
    scale_ = 1 / std::sqrt(by.v);
  }

  constexpr void update(float& p, float gradient, float& m, float& v) const {
    const float g = gradient + into_g_ * p;
    m += new_m_ * (g - m);
    v = old_v_ * v + new_v_ * g * g;
    p = keep_ * p - rate_ * m / (scale_ * std::sqrt(v) + epsilon_);
  }

 private:
  float new_m_, new_v_, old_v_, epsilon_, into_g_, off_p_;
  float keep_ = 1, rate_ = 0, scale_ = 1;  // of the present step
};

}  // namespace dlfs
