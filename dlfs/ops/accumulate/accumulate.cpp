#include "dlfs/ops/accumulate/accumulate.h"

#include "dlfs/ops/halves.h"

namespace dlfs {
namespace {

constexpr Spec number{{1, 1, 1, 1}}, counts{{1, 1, 1, 2}, DType::i32};

class Accumulate : public OpFunction<AccumulateSettings> {
 public:
  explicit Accumulate(const AccumulateSettings& settings)
      : OpFunction("accumulate", settings, DLFS_HALVES_WITHOUT_GRADIENT(accumulate)) {}

  std::string settings() const override {
    return concat(R"({"micro_batches": )", settings_.micro_batches, "}");
  }

  Signature infer(const Inputs& in) const override {
    DLFS_CHECK(in.size() > 2 && in[0] == counts && in[1] == number,
               "accumulate takes a counter and a factor");
    if (settings_.micro_batches < 1)
      refuse("a step cannot be made of ", settings_.micro_batches, " micro-batches");
    Signature signature = update_signature("accumulate", in, accumulate_layout());
    signature.updates.push_back(0);
    signature.updates.push_back(1);
    return signature;
  }
};

}  // namespace

FunctionPtr accumulate_function(const AccumulateSettings& settings) {
  return std::make_shared<Accumulate>(settings);
}

UpdateLayout accumulate_layout() { return {.own = 2, .kept = {}}; }

Value accumulate_gradients(Trace& trace, const AccumulateSettings& settings, Value factor) {
  if (settings.micro_batches == 1) return factor;
  State& state = trace.state();
  const Value made = trace.param(state.add("micro_batch.factor", number, Role::counter, {}));
  std::vector<Value> in = {trace.param(state.add("micro_batch", counts, Role::counter, {})), made}, sums;
  const std::vector<Value> parameters = trace.parameters();
  std::vector<Value> gradients;
  for (const Value& parameter : parameters) {
    sums.push_back(trace.param(accumulated(trace, parameter)));
    gradients.push_back(trace.gradient(parameter));
  }
  in.insert(in.end(), sums.begin(), sums.end());
  in.insert(in.end(), gradients.begin(), gradients.end());
  in.insert(in.end(), parameters.size(), Value());  // sums have no working copies
  in.push_back(factor);
  trace.update(accumulate_function(settings), in);
  return made;
}

}  // namespace dlfs
