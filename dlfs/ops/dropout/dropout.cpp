#include "dlfs/ops/dropout/dropout.h"

#include "dlfs/ops/halves.h"
#include "dlfs/ops/step_number.h"

namespace dlfs {
namespace {

class Dropout : public OpFunction<DropoutMask> {
 public:
  explicit Dropout(const DropoutMask& mask) : OpFunction("dropout", mask, DLFS_HALVES(dropout)) {}

  std::string settings() const override {
    return concat(R"({"rate": )", settings_.rate, R"(, "key": )", settings_.key, "}");
  }

  Signature infer(const Inputs& in) const override {
    DLFS_CHECK(in.size() == 2 && in[1] == (Spec{{1, 1, 1, 1}, DType::i32}), "dropout takes x and the step");
    check_map("dropout", "x", in[0]);
    return {.outputs = {in[0]}};
  }

  Needs needs() const override { return {.inputs = {1}}; }
};

// The key of the next dropout of a trace: no other has it, and it is the same whenever the model is traced again.
uint64_t next_key(Trace& trace) {
  const std::string path = trace.path("").empty() ? "dropout" : trace.path("");
  uint64_t calls = 0;
  for (const Graph::Call& call : trace.graph().calls)
    calls += call.path == path && call.function->name() == "dropout";
  const uint64_t key = combine(key_of("dropout"), trace.state().seed());
  return combine(combine(key, key_of(path)), calls);
}

}  // namespace

FunctionPtr dropout_function(const DropoutMask& mask) { return std::make_shared<Dropout>(mask); }

Value dropout(Value x, const DropoutSettings& settings) {
  Trace& trace = x.trace();
  const std::string path = trace.path("");
  const float rate = settings.rate;
  if (!(rate >= 0 && rate < 1))
    throw ShapeError("dropout",
                     concat(path, path.empty() ? "" : ": ", "rate ", rate, " is not at least 0 and below 1"));
  if (trace.settings().mode == Mode::infer || rate == 0) return x;
  return trace.apply(dropout_function({.rate = rate, .key = next_key(trace)}), {x, step_number(trace)})[0];
}

}  // namespace dlfs
