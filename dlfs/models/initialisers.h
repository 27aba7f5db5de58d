// How weights begin. `w` is a filter [k,r,s,c] or a matrix [k,h,w,c]: each output sums fan_in = r * s * c inputs.
// Any thread.
#pragma once

#include <cmath>

#include "dlfs/graph/state.h"

namespace dlfs {

inline Init constant(float value) { return {.kind = Init::Kind::constant, .value = value}; }
inline Init normal(float deviation) { return {.kind = Init::Kind::normal, .value = deviation}; }

inline float fan_in(const Shape& w) { return static_cast<float>(w.h * w.w * w.c); }
inline float fan_out(const Shape& w) { return static_cast<float>(w.h * w.w * w.n); }

// He et al., "Delving Deep into Rectifiers", 2015: keeps the variance of what a ReLU lets through.
inline Init kaiming_normal(const Shape& w) { return normal(std::sqrt(2 / fan_in(w))); }
// The same for the gradients that come back, as torchvision's ResNets begin.
inline Init kaiming_fan_out(const Shape& w) { return normal(std::sqrt(2 / fan_out(w))); }
inline Init kaiming_uniform(const Shape& w) {
  return {.kind = Init::Kind::uniform, .value = std::sqrt(6 / fan_in(w))};
}

// Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.
inline Init xavier_normal(const Shape& w) { return normal(std::sqrt(2 / (fan_in(w) + fan_out(w)))); }
inline Init xavier_uniform(const Shape& w) {
  return {.kind = Init::Kind::uniform, .value = std::sqrt(6 / (fan_in(w) + fan_out(w)))};
}

// As torch.nn.Linear begins.
inline Init linear_uniform(const Shape& w) {
  return {.kind = Init::Kind::uniform, .value = std::sqrt(1 / fan_in(w))};
}

}  // namespace dlfs
