#include "dlfs/ops/step_number.h"

#include "dlfs/ops/halves.h"

namespace dlfs {
namespace {

const Spec counter{{1, 1, 1, 1}, DType::i32};

class StepNumber : public OpFunction<StepNumberSettings> {
 public:
  StepNumber() : OpFunction("step_number", {}, DLFS_HALVES_WITHOUT_GRADIENT(step_number)) {}

  Signature infer(const Inputs& in) const override {
    DLFS_CHECK(in.size() == 1 && in[0] == counter, "step_number takes one counter");
    return {.updates = {0}};
  }
};

}  // namespace

FunctionPtr step_number_function() { return std::make_shared<StepNumber>(); }

Value step_number(Trace& trace) {
  const Param param = trace.state().add("step", counter, Role::counter, {});
  if (const Value known = trace.find(param)) return known;
  const Value step = trace.param(param);
  if (trace.settings().mode == Mode::train) trace.update(step_number_function(), {step});
  return step;
}

}  // namespace dlfs
