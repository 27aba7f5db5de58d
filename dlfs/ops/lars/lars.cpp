#include "dlfs/ops/lars/lars.h"

#include "dlfs/ops/halves.h"

namespace dlfs {
namespace {

class Lars : public OpFunction<LarsRows> {
 public:
  explicit Lars(const LarsRows& settings)
      : OpFunction("lars", settings, DLFS_HALVES_WITHOUT_GRADIENT(lars)) {}

  std::string settings() const override {
    std::vector<std::string> vectors;
    for (const char one : settings_.vectors) vectors.emplace_back(one != 0 ? "true" : "false");
    return concat(R"({"momentum": )", settings_.momentum, R"(, "weight_decay": )", settings_.weight_decay,
                  R"(, "trust": )", settings_.trust, R"(, "vectors": [)", join(vectors, ", "), "]}");
  }

  Signature infer(const Inputs& in) const override {
    if (in.size() < 1 || in[0] != Spec{{1, 1, 1, 1}, DType::f32}) refuse("the rate must be f32 [1,1,1,1]");
    if (!(settings_.trust > 0)) refuse("trust ", settings_.trust, " is not above 0");
    Signature signature = update_signature("lars", in, lars_layout());
    for (const Spec& spec : in.specs) signature.terms = std::max(signature.terms, spec.shape.count());
    return signature;
  }
};

}  // namespace

FunctionPtr lars_function(const LarsSettings& settings, const std::vector<char>& vectors) {
  return std::make_shared<Lars>(LarsRows{settings, vectors});
}

UpdateLayout lars_layout() { return {.kept = {"momentum"}}; }

void lars(Trace& trace, Value rate, const LarsSettings& settings, Value factor) {
  trace.update(lars_function(settings, vector_rows(trace)),
               update_inputs(trace, {rate}, lars_layout(), factor));
}

}  // namespace dlfs
