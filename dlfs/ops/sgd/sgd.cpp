#include "dlfs/ops/sgd/sgd.h"

#include "dlfs/ops/halves.h"

namespace dlfs {
namespace {

// Rows of {parameter, gradient} or {parameter, gradient, momentum}, stored part after part behind the rate.
size_t parts(const SgdSettings& settings) { return settings.momentum != 0 ? 3 : 2; }

class Sgd : public OpFunction<SgdSettings> {
 public:
  explicit Sgd(const SgdSettings& settings)
      : OpFunction("sgd", settings, {sgd_cpu, nullptr, DLFS_GPU_HALF(sgd_gpu), nullptr}) {}

  std::string settings() const override {
    return concat(R"({"momentum": )", settings_.momentum, R"(, "weight_decay": )", settings_.weight_decay,
                  R"(, "nesterov": )", settings_.nesterov ? "true" : "false", "}");
  }

  Signature infer(const Inputs& in) const override {
    const auto refuse = [](const auto&... fact) { throw ShapeError("sgd", concat(fact...)); };
    if (in.size() < 1 || in[0] != Spec{{1, 1, 1, 1}, DType::f32}) refuse("the rate must be f32 [1,1,1,1]");
    if (settings_.nesterov && settings_.momentum == 0) refuse("nesterov needs a momentum above 0");
    const size_t count = (in.size() - 1) / parts(settings_);
    if (count == 0 || (in.size() - 1) % parts(settings_) != 0)
      refuse(in.size() - 1, " tensors are not rows of ", parts(settings_));
    Signature signature;
    for (size_t i = 0; i < count; ++i) {
      const Spec& parameter = in[1 + i];
      for (size_t part = 0; part < parts(settings_); ++part)
        if (in[1 + i + part * count] != parameter || parameter.dtype != DType::f32)
          refuse("parameter ", i, " is ", to_string(parameter), ", but its ",
                 part == 1 ? "gradient" : "momentum", " is ", to_string(in[1 + i + part * count]),
                 "; both must be f32 and of one shape");
      signature.updates.push_back(static_cast<int>(1 + i));
      if (parts(settings_) == 3) signature.updates.push_back(static_cast<int>(1 + i + 2 * count));
    }
    return signature;
  }
};

}  // namespace

FunctionPtr sgd_function(const SgdSettings& settings) { return std::make_shared<Sgd>(settings); }

void sgd(Trace& trace, Value rate, const SgdSettings& settings) {
  const std::vector<Value> parameters = trace.parameters();
  std::vector<Value> in{rate};
  in.insert(in.end(), parameters.begin(), parameters.end());
  for (const Value& parameter : parameters) in.push_back(trace.gradient(parameter));
  if (parts(settings) == 3)
    for (const Value& parameter : parameters)
      in.push_back(
          trace.param(trace.state().add(trace.name(parameter) + ".momentum", parameter.spec(),
                                        Role::optimizer, {.kind = Init::Kind::constant, .value = 0})));
  trace.update(sgd_function(settings), in);
}

std::vector<SgdRow> sgd_rows(const Site& site, const SgdSettings& settings) {
  const size_t count = (site.in.size() - 1) / parts(settings);
  std::vector<SgdRow> rows;
  for (size_t i = 0; i < count; ++i)
    rows.push_back({site.in[1 + i], site.in[1 + i + count],
                    parts(settings) == 3 ? site.in[1 + i + 2 * count] : Tensor{}});
  return rows;
}

}  // namespace dlfs
