#include "dlfs/ops/adam/adam.h"

#include <cmath>

#include "dlfs/ops/halves.h"

namespace dlfs {
namespace {

constexpr Spec rate_spec{{1, 1, 1, 1}, DType::f32}, steps_spec{{1, 1, 1, 1}, DType::i32};

class Adam : public OpFunction<AdamRows> {
 public:
  explicit Adam(const AdamRows& settings)
      : OpFunction("adam", settings, DLFS_HALVES_WITHOUT_GRADIENT(adam)) {}

  std::string settings() const override {
    return concat(R"({"beta1": )", settings_.beta1, R"(, "beta2": )", settings_.beta2, R"(, "epsilon": )",
                  settings_.epsilon, R"(, "weight_decay": )", settings_.weight_decay, R"(, "decoupled": )",
                  settings_.decoupled ? "true" : "false", "}");
  }

  Signature infer(const Inputs& in) const override {
    if (in.size() < 2 || in[0] != rate_spec || in[1] != steps_spec)
      refuse("the rate must be ", to_string(rate_spec), " and the steps done ", to_string(steps_spec));
    for (const double beta : {settings_.beta1, settings_.beta2})
      if (!(beta >= 0 && beta < 1)) refuse("a beta of ", beta, " is not at least 0 and below 1");
    if (!(static_cast<float>(settings_.epsilon) > 0))
      refuse("epsilon ", settings_.epsilon, " is not above 0 as a float");
    if (!(settings_.weight_decay >= 0 && std::isfinite(settings_.weight_decay)))
      refuse("weight_decay ", settings_.weight_decay, " is not a number of at least 0");
    Signature signature = update_signature("adam", in, adam_layout());
    signature.updates.push_back(1);
    return signature;
  }
};

}  // namespace

FunctionPtr adam_function(const AdamSettings& settings, const std::vector<char>& vectors) {
  return std::make_shared<Adam>(AdamRows{settings, vectors});
}

UpdateLayout adam_layout() { return {.own = 2, .kept = {"adam_m", "adam_v"}}; }

void adam(Trace& trace, Value rate, const AdamSettings& settings, Value factor) {
  const auto vectors = settings.decay_vectors ? std::vector<char>{} : vector_rows(trace);
  const Value steps = trace.param(
      trace.state().add("adam.steps", steps_spec, Role::counter, {.kind = Init::Kind::constant, .value = 0}));
  trace.update(adam_function(settings, vectors), update_inputs(trace, {rate, steps}, adam_layout(), factor));
}

}  // namespace dlfs
