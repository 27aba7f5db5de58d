#include "dlfs/ops/loss_scale/loss_scale.h"

#include "dlfs/ops/halves.h"

namespace dlfs {
namespace {

constexpr Spec number{{1, 1, 1, 1}}, counts{{1, 1, 1, 2}, DType::i32};

class LossScale : public OpFunction<LossScaleSettings> {
 public:
  explicit LossScale(const LossScaleSettings& settings)
      : OpFunction("loss_scale", settings, DLFS_HALVES_WITHOUT_GRADIENT(loss_scale)) {}

  std::string settings() const override {
    return concat(R"({"initial": )", settings_.initial, R"(, "growth": )", settings_.growth,
                  R"(, "backoff": )", settings_.backoff, R"(, "largest": )", settings_.largest,
                  R"(, "growth_interval": )", settings_.growth_interval, "}");
  }

  Signature infer(const Inputs& in) const override {
    DLFS_CHECK(in.size() >= 3 && in[0] == number && in[1] == number && in[2] == counts,
               "loss_scale takes scale, factor and steps");
    if (in.size() == 3) refuse("there is no gradient to look at: the trace has no parameter");
    for (size_t i = 3; i < in.size(); ++i)
      if (!is_float(in[i].dtype))
        refuse("gradient ", i - 3, " is ", to_string(in[i]), ", but must be f32, f16 or bf16");
    if (!(settings_.growth >= 1 && settings_.backoff > 0 && settings_.backoff < 1 && settings_.initial > 0 &&
          settings_.growth_interval >= 1))
      refuse("growth ", settings_.growth, ", backoff ", settings_.backoff, ", initial ", settings_.initial,
             " and interval ", settings_.growth_interval,
             " are not at least 1, between 0 and 1, above 0 and at least 1");
    return {.updates = {0, 1, 2}};
  }
};

Value counter(Trace& trace, const std::string& name, const Spec& spec, float first) {
  const Param param = trace.state().add(name, spec, Role::counter, {.value = first});
  const Value known = trace.find(param);
  return known ? known : trace.param(param);
}

}  // namespace

FunctionPtr loss_scale_function(const LossScaleSettings& settings) {
  return std::make_shared<LossScale>(settings);
}

Value loss_scale(Trace& trace, const LossScaleSettings& settings) {
  return counter(trace, "loss_scale", number, settings.initial);
}

Value update_loss_scale(Trace& trace, const LossScaleSettings& settings) {
  const Value factor = counter(trace, "loss_scale.factor", number, 0);
  std::vector<Value> in = {loss_scale(trace, settings), factor,
                           counter(trace, "loss_scale.steps", counts, 0)};
  for (const Value& parameter : trace.parameters()) in.push_back(trace.gradient(parameter));
  trace.update(loss_scale_function(settings), in);
  return factor;
}

}  // namespace dlfs
