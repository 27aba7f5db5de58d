#include "dlfs/ops/sgd/sgd.h"

#include "dlfs/ops/halves.h"

namespace dlfs {
namespace {

class Sgd : public OpFunction<SgdRows> {
 public:
  explicit Sgd(const SgdRows& settings) : OpFunction("sgd", settings, DLFS_HALVES_WITHOUT_GRADIENT(sgd)) {}

  std::string settings() const override {
    return concat(R"({"momentum": )", settings_.momentum, R"(, "weight_decay": )", settings_.weight_decay,
                  R"(, "nesterov": )", settings_.nesterov ? "true" : "false", "}");
  }

  Signature infer(const Inputs& in) const override {
    if (in.size() < 1 || in[0] != Spec{{1, 1, 1, 1}, DType::f32}) refuse("the rate must be f32 [1,1,1,1]");
    if (settings_.nesterov && settings_.momentum == 0) refuse("nesterov needs a momentum above 0");
    return update_signature("sgd", in, sgd_layout(settings_));
  }
};

}  // namespace

FunctionPtr sgd_function(const SgdSettings& settings, const std::vector<char>& vectors) {
  return std::make_shared<Sgd>(SgdRows{settings, vectors});
}

void sgd(Trace& trace, Value rate, const SgdSettings& settings, Value factor) {
  const auto vectors = settings.decay_vectors ? std::vector<char>{} : vector_rows(trace);
  trace.update(sgd_function(settings, vectors), update_inputs(trace, {rate}, sgd_layout(settings), factor));
}

UpdateLayout sgd_layout(const SgdSettings& settings) {
  if (settings.momentum == 0) return {};
  return {.kept = {"momentum"}};
}

}  // namespace dlfs
