#include "dlfs/ops/group_norm/group_norm.h"

#include "dlfs/ops/halves.h"

namespace dlfs {
namespace {

class GroupNorm : public OpFunction<GroupNormSettings> {
 public:
  explicit GroupNorm(const GroupNormSettings& settings)
      : OpFunction("group_norm", settings, DLFS_HALVES(group_norm)) {}

  std::string settings() const override {
    return concat(R"({"groups": )", settings_.groups, R"(, "epsilon": )", settings_.epsilon, R"(, "relu": )",
                  settings_.relu ? "true" : "false", "}");
  }

  Signature infer(const Inputs& in) const override {
    DLFS_CHECK(in.size() == 3, "group_norm takes x, scale and bias");
    const Spec &x = in[0], channels{{1, 1, 1, x.shape.c}};
    if (!is_float(x.dtype)) refuse("x is ", to_string(x), ", but must be f32, f16 or bf16");
    for (const size_t i : {1, 2})
      if (in[i] != channels)
        refuse(i == 1 ? "scale" : "bias", " is ", to_string(in[i]), ", but x ", to_string(x), " needs ",
               to_string(channels));
    if (settings_.groups < 1 || x.shape.c % settings_.groups != 0)
      refuse(settings_.groups, " groups do not share the channels of x ", to_string(x), " evenly");
    const int64_t positions = int64_t{x.shape.n} * x.shape.h * x.shape.w;
    const int64_t terms = x.shape.count() / x.shape.n / settings_.groups;
    return {.outputs = {x},
            .saved = {{{x.shape.n, 1, 1, 2 * settings_.groups}}},
            .terms = terms,
            .gradient_terms = {terms, positions, positions}};
  }

  Needs needs() const override { return {.inputs = {0, 1, 2}}; }
};

}  // namespace

FunctionPtr group_norm_function(const GroupNormSettings& settings) {
  return std::make_shared<GroupNorm>(settings);
}

Value group_norm(Value x, Value scale, Value bias, const GroupNormSettings& settings) {
  return x.trace().apply(group_norm_function(settings), {x, scale, bias})[0];
}

}  // namespace dlfs
