// What the losses of one element are: their value, and their derivatives by prediction p and target t. Both halves
// compile this table, the CPU's in double and the GPU's in float. Only a square can overflow, and a NaN in gives a NaN out.
#pragma once

#include <cmath>

#include "dlfs/ops/element_loss/element_loss.h"

namespace dlfs {

// -t log s - (1 - t) log(1 - s) with s = sigmoid(p)
struct SigmoidCrossEntropy {
  template <typename T>
  constexpr T value(T p, T t) const {
    return (p > 0 ? p * (1 - t) : -p * t) + std::log1p(std::exp(-std::abs(p)));
  }
  template <typename T>
  constexpr T by_prediction(T p, T t) const {
    return 1 / (1 + std::exp(-p)) - t;
  }
  template <typename T>
  constexpr T by_target(T p, T) const {
    return -p;
  }
};

// (p - t)^2
struct SquaredError {
  template <typename T>
  constexpr T value(T p, T t) const {
    return (p - t) * (p - t);
  }
  template <typename T>
  constexpr T by_prediction(T p, T t) const {
    return 2 * (p - t);
  }
  template <typename T>
  constexpr T by_target(T p, T t) const {
    return 2 * (t - p);
  }
};

// With d = p - t: d^2 / 2 beta where |d| < beta, else |d| - beta / 2. Where beta is 0, |d|, of slope 0 at d = 0.
struct SmoothL1 {
  float beta;

  template <typename T>
  constexpr T value(T p, T t) const {
    const T d = std::abs(p - t), b = beta;
    return d < b ? d * (d / (2 * b)) : d - b / 2;
  }
  template <typename T>
  constexpr T by_prediction(T p, T t) const {
    const T d = p - t, b = beta;
    return std::abs(d) < b ? d / b : d > 0 ? 1 : d < 0 ? -1 : d;
  }
  template <typename T>
  constexpr T by_target(T p, T t) const {
    return by_prediction(t, p);
  }
};

// Calls visit(formula) with the one that the settings name.
template <typename Visit>
auto with_formula(const ElementLossSettings& settings, Visit visit) {
  switch (settings.formula) {
    case ElementFormula::sigmoid_cross_entropy:
      return visit(SigmoidCrossEntropy{});
    case ElementFormula::squared_error:
      return visit(SquaredError{});
    case ElementFormula::smooth_l1:
      break;
  }
  return visit(SmoothL1{settings.beta});
}

// What is computed with, in f32; kernels have their own for halves.
template <typename Stored>
constexpr float wide(const Stored& number) {
  return static_cast<float>(number);
}

// A site as one formula's elements in a row: i counts them. `per_weight` side by side share a weight.
template <typename Formula, typename T, typename Stored = float>
struct Elements {
  Elements(const Formula& of, const Site& site, const ElementLossSettings& settings)
      : formula(of),
        prediction(site.in[0].as<Stored>()),
        target(site.in[1].as<float>()),
        weights(site.in[2].as<float>()),
        count(static_cast<unsigned>(site.in[0].shape().count())),
        per_weight(weights == nullptr ? count : count / static_cast<unsigned>(site.in[2].shape().count())),
        scale(settings.reduction == Reduction::mean ? T(1) / static_cast<T>(count) : T(1)) {}

  constexpr T weight(unsigned i) const { return weights == nullptr ? 1 : weights[i / per_weight]; }
  constexpr T value(unsigned i) const { return formula.template value<T>(wide(prediction[i]), target[i]); }
  constexpr T by_prediction(unsigned i) const {
    return formula.template by_prediction<T>(wide(prediction[i]), target[i]);
  }
  constexpr T by_target(unsigned i) const {
    return formula.template by_target<T>(wide(prediction[i]), target[i]);
  }

  Formula formula;
  const Stored* prediction;
  const float *target, *weights;
  unsigned count, per_weight;
  T scale;  // of all: one over their number where the reduction is mean
};

}  // namespace dlfs
