#include "dlfs/ops/linear/linear.h"

#include "dlfs/ops/halves.h"

namespace dlfs {
namespace {

class Linear : public OpFunction<LinearSettings> {
 public:
  explicit Linear(const LinearSettings& settings) : OpFunction("linear", settings, DLFS_HALVES(linear)) {}

  std::string settings() const override {
    return concat(R"({"relu": )", settings_.relu ? "true" : "false", "}");
  }

  Signature infer(const Inputs& in) const override {
    DLFS_CHECK(in.size() == 3, "linear takes x, w and bias");
    const Shape x = in[0].shape, w = in[1].shape;
    if (!is_float(in[0].dtype) || in[1].dtype != in[0].dtype)
      refuse("x is ", to_string(in[0]), " and w is ", to_string(in[1]),
             ", but both must be f32, f16 or bf16");
    if (Shape{x.n, w.h, w.w, w.c} != x)
      refuse("x ", to_string(x), " is a map of ", x.h, "x", x.w, "x", x.c, ", but w ", to_string(w),
             " takes ", w.h, "x", w.w, "x", w.c);
    if (in[2] && in[2] != Spec{{1, 1, 1, w.n}, DType::f32})
      refuse("bias is ", to_string(in[2]), ", but w ", to_string(w), " needs f32 ",
             to_string(Shape{1, 1, 1, w.n}));
    return {.outputs = {{{x.n, 1, 1, w.n}, in[0].dtype}},
            .terms = int64_t{w.h} * w.w * w.c,
            .gradient_terms = {w.n, x.n, x.n},
            .matrix_work = true};
  }

  Needs needs() const override {
    return settings_.relu ? Needs{.inputs = {0, 1}, .outputs = {0}} : Needs{.inputs = {0, 1}};
  }
};

}  // namespace

FunctionPtr linear_function(const LinearSettings& settings) { return std::make_shared<Linear>(settings); }

Value linear(Value x, Value w, Value bias, const LinearSettings& settings) {
  return x.trace().apply(linear_function(settings), {x, w, bias})[0];
}

}  // namespace dlfs
