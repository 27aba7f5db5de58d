#include "dlfs/ops/fold_norm/fold_norm.h"

#include "dlfs/ops/halves.h"

namespace dlfs {
namespace {

class FoldNorm : public OpFunction<FoldNormSettings> {
 public:
  explicit FoldNorm(const FoldNormSettings& settings)
      : OpFunction("fold_norm", settings, DLFS_HALVES_WITHOUT_GRADIENT(fold_norm_forward)) {}

  std::string settings() const override { return concat(R"({"epsilon": )", settings_.epsilon, "}"); }

  Signature infer(const Inputs& in) const override {
    DLFS_CHECK(in.size() == 6, "fold_norm takes w, conv_bias, scale, bias, mean and variance");
    const Spec channels{{1, 1, 1, in[0].shape.n}};
    if (in[0].dtype != DType::f32) refuse("w is ", to_string(in[0]), ", but must be f32");
    for (size_t i = 1; i < in.size(); ++i)
      if (in[i] != channels && (i > 1 || in[i]))
        refuse("input ", i, " is ", to_string(in[i]), ", but w ", to_string(in[0]), " needs ",
               to_string(channels));
    return {.outputs = {{in[0].shape, matrix_type(in.precision)}, channels}};
  }
};

}  // namespace

FunctionPtr fold_norm_function(const FoldNormSettings& settings) {
  return std::make_shared<FoldNorm>(settings);
}

FoldedNorm fold_norm(Value w, Value conv_bias, const BatchNorm& norm, const FoldNormSettings& settings) {
  const std::vector<Value> made = w.trace().apply(
      fold_norm_function(settings), {w, conv_bias, norm.scale, norm.bias, norm.mean, norm.variance});
  return {made[0], made[1]};
}

}  // namespace dlfs
