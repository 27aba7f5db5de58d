#include "dlfs/ops/softmax_cross_entropy/softmax_cross_entropy.h"

#include <algorithm>

#include "dlfs/ops/halves.h"

namespace dlfs {
namespace {

class SoftmaxCrossEntropy : public OpFunction<SoftmaxCrossEntropySettings> {
 public:
  explicit SoftmaxCrossEntropy(const SoftmaxCrossEntropySettings& settings)
      : OpFunction("softmax_cross_entropy", settings, DLFS_HALVES(softmax_cross_entropy)) {}

  std::string settings() const override {
    return concat(R"({"label_smoothing": )", settings_.label_smoothing, R"(, "ignore_index": )",
                  settings_.ignore_index, "}");
  }

  Signature infer(const Inputs& in) const override {
    DLFS_CHECK(in.size() == 2, "softmax_cross_entropy takes logits and labels");
    const Shape logits = in[0].shape;
    if (!is_float(in[0].dtype)) refuse("logits are ", to_string(in[0]), ", but must be f32, f16 or bf16");
    const Spec wanted{{logits.n, logits.h, logits.w, 1}, DType::i32};
    if (in[1] != wanted)
      refuse("labels are ", to_string(in[1]), ", but logits ", to_string(logits), " need ",
             to_string(wanted));
    if (!(settings_.label_smoothing >= 0 && settings_.label_smoothing < 1))
      refuse("label_smoothing ", settings_.label_smoothing, " is not at least 0 and below 1");
    const Spec scalar{{1, 1, 1, 1}, DType::f32};
    return {.outputs = {scalar},
            .saved = {{wanted.shape, DType::f32}, scalar},
            .terms = std::max<int64_t>(wanted.shape.count(), logits.c),
            .gradient_terms = {logits.c}};
  }

  Needs needs() const override { return {.inputs = {0, 1}}; }
};

}  // namespace

FunctionPtr softmax_cross_entropy_function(const SoftmaxCrossEntropySettings& settings) {
  return std::make_shared<SoftmaxCrossEntropy>(settings);
}

Value softmax_cross_entropy(Value logits, Value labels, const SoftmaxCrossEntropySettings& settings) {
  return logits.trace().apply(softmax_cross_entropy_function(settings), {logits, labels})[0];
}

}  // namespace dlfs
