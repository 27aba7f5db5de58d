#include "dlfs/ops/conv/conv.h"

#include "dlfs/ops/halves.h"

namespace dlfs {
namespace {

class Conv : public OpFunction<ConvSettings> {
 public:
  explicit Conv(const ConvSettings& settings) : OpFunction("conv", settings, DLFS_HALVES(conv)) {}

  std::string settings() const override {
    return concat(R"({"stride": )", settings_.stride, R"(, "pad": )", settings_.pad, R"(, "dilation": )",
                  settings_.dilation, R"(, "groups": )", settings_.groups, R"(, "relu": )",
                  settings_.relu ? "true" : "false", R"(, "sums": )", settings_.sums ? "true" : "false",
                  R"(, "moments": )", settings_.moments ? "true" : "false", "}");
  }

  Signature infer(const Inputs& in) const override {
    DLFS_CHECK(in.size() == 3 || in.size() == 4, "conv takes x, w, bias and add");
    const Shape x = in[0].shape, w = in[1].shape;
    const auto [stride, pad, dilation, groups, relu, sums, moments] = settings_;
    if (!is_float(in[0].dtype) || in[1].dtype != in[0].dtype)
      refuse("x is ", to_string(in[0]), " and w is ", to_string(in[1]),
             ", but both must be f32, f16 or bf16");
    if (stride < 1 || dilation < 1 || groups < 1 || pad < 0)
      refuse("stride ", stride, ", dilation ", dilation, ", groups ", groups, " must be at least 1, pad ",
             pad, " at least 0");
    constexpr int most = 1 << 20;  // products with the extents of a filter stay whole numbers
    if (stride > most || dilation > most || pad > most)
      refuse("stride ", stride, ", dilation ", dilation, " and pad ", pad, " must be at most ", most);
    if (x.c % groups != 0 || w.n % groups != 0)
      refuse("x ", to_string(x), " and w ", to_string(w), " cannot be split into ", groups,
             " groups of channels");
    if (x.c != w.c * groups)
      refuse("x ", to_string(x), " has ", x.c, " channels, but w ", to_string(w), " takes ", w.c * groups);
    if (in[2] && in[2] != Spec{{1, 1, 1, w.n}, DType::f32})
      refuse("bias is ", to_string(in[2]), ", but w ", to_string(w), " needs f32 ",
             to_string(Shape{1, 1, 1, w.n}));
    const int64_t h = x.h + 2 * int64_t{pad} - dilation * (int64_t{w.h} - 1) - 1;
    const int64_t wide = x.w + 2 * int64_t{pad} - dilation * (int64_t{w.w} - 1) - 1;
    if (h < 0 || wide < 0)
      refuse("w ", to_string(w), " with dilation ", dilation, " is larger than x ", to_string(x),
             " padded by ", pad);
    const Shape y{x.n, static_cast<int>(h / stride) + 1, static_cast<int>(wide / stride) + 1, w.n};
    const Spec added = in.size() > 3 ? in[3] : absent;
    if (added && in.mode == Mode::train)
      refuse("add is for inference: it has no gradient; in training write conv(x, w) + shortcut");
    if (added && added != Spec{y, in[0].dtype})
      refuse("add is ", to_string(added), ", but the output is ", to_string(Spec{y, in[0].dtype}));
    const int64_t filter = int64_t{w.h} * w.w;
    const int64_t positions = int64_t{y.n} * y.h * y.w;
    Signature made{.outputs = {{y, in[0].dtype}},
                   .terms = filter * w.c,
                   .gradient_terms = {filter * (w.n / groups), positions, positions},
                   .matrix_work = true};
    if (sums && moments) refuse("sums or moments can be made, but not both");
    if (sums || moments) made.outputs.push_back({{1, 1, 2, w.n}, DType::f32});
    return made;
  }

  Needs needs() const override {
    return settings_.relu ? Needs{.inputs = {0, 1}, .outputs = {0}} : Needs{.inputs = {0, 1}};
  }
};

}  // namespace

FunctionPtr conv_function(const ConvSettings& settings) { return std::make_shared<Conv>(settings); }

ConvOutputs conv(const ConvInputs& in, const ConvSettings& settings) {
  std::vector<Value> all{in.x, in.w, in.bias};
  if (in.add) all.push_back(in.add);
  const std::vector<Value> out = in.x.trace().apply(conv_function(settings), all);
  return {out[0], settings.sums || settings.moments ? out[1] : Value{}};
}

Value conv(Value x, Value w, Value bias, const ConvSettings& settings) {
  return conv({.x = x, .w = w, .bias = bias}, settings).y;
}

Value conv(Value x, Value w, const ConvSettings& settings) { return conv({.x = x, .w = w}, settings).y; }

}  // namespace dlfs
