#include "dlfs/ops/element_loss/element_loss.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "dlfs/ops/halves.h"

namespace dlfs {
namespace {

const char* name_of(ElementFormula formula) {
  constexpr std::array names{"sigmoid_cross_entropy", "mean_squared_error", "smooth_l1"};
  return names[static_cast<size_t>(formula)];
}

class ElementLoss : public OpFunction<ElementLossSettings> {
 public:
  explicit ElementLoss(const ElementLossSettings& settings)
      : OpFunction(name_of(settings.formula), settings, DLFS_HALVES(element_loss)) {}

  std::string settings() const override {
    return concat(R"({"reduction": ")", settings_.reduction == Reduction::mean ? "mean" : "sum",
                  R"(", "beta": )", settings_.beta, "}");
  }

  Signature infer(const Inputs& in) const override {
    DLFS_CHECK(in.size() == 3, name(), " takes prediction, target and weights");
    check_map(name(), "the prediction", in[0]);
    if (in[1] != Spec{in[0].shape})
      refuse("the prediction is ", to_string(in[0]), " and the target ", to_string(in[1]), ", but must be ",
             to_string(Spec{in[0].shape}));
    const Shape all = in[0].shape;
    const std::array allowed{Spec{all}, Spec{{all.n, all.h, all.w, 1}}, Spec{{all.n, 1, 1, 1}}};
    if (in[2] && std::find(allowed.begin(), allowed.end(), in[2]) == allowed.end())
      refuse("weights are ", to_string(in[2]), ", but for a prediction ", to_string(all), " must be ",
             to_string(allowed[0]), ", ", to_string(allowed[1]), " or ", to_string(allowed[2]));
    if (!(settings_.beta >= 0 && std::isfinite(settings_.beta)))
      refuse("beta ", settings_.beta, " is not a number of at least 0");
    return {.outputs = {{{1, 1, 1, 1}}},
            .terms = all.count(),
            .gradient_terms = {1, 1, in[2] ? all.count() / in[2].shape.count() : 1}};
  }

  Needs needs() const override { return {.inputs = {0, 1, 2}}; }
};

Value apply(const ElementLossSettings& settings, Value prediction, Value target, Value weights) {
  return prediction.trace().apply(element_loss_function(settings), {prediction, target, weights})[0];
}

}  // namespace

FunctionPtr element_loss_function(const ElementLossSettings& settings) {
  return std::make_shared<ElementLoss>(settings);
}

Value sigmoid_cross_entropy(Value logits, Value targets, Value weights, const LossSettings& settings) {
  return apply({.formula = ElementFormula::sigmoid_cross_entropy, .reduction = settings.reduction}, logits,
               targets, weights);
}

Value mean_squared_error(Value prediction, Value target, Value weights, const LossSettings& settings) {
  return apply({.formula = ElementFormula::squared_error, .reduction = settings.reduction}, prediction,
               target, weights);
}

Value smooth_l1(Value prediction, Value target, Value weights, const SmoothL1Settings& settings) {
  return apply({.formula = ElementFormula::smooth_l1, .reduction = settings.reduction, .beta = settings.beta},
               prediction, target, weights);
}

}  // namespace dlfs
