// What becomes of the scale after a step: compiled by both halves.
#pragma once

#include <cstdint>

#include "dlfs/ops/loss_scale/loss_scale.h"

namespace dlfs {

struct LossScaleState {
  float *scale, *factor;
  int32_t* steps;

  constexpr void finish(bool all_finite, const LossScaleSettings& settings) const {
    constexpr float smallest = 0x1p-60f;  // one over it is still a number
    *factor = all_finite ? 1 / *scale : 0;
    if (!all_finite) {
      const float less = *scale * settings.backoff;
      *scale = less > smallest ? less : smallest;
      steps[0] = 0;
      ++steps[1];
    } else if (++steps[0] >= settings.growth_interval) {
      const float more = *scale * settings.growth;
      *scale = more < settings.largest ? more : settings.largest;
      steps[0] = 0;
    }
  }
};

}  // namespace dlfs
