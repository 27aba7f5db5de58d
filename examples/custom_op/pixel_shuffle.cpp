#include "custom_op/pixel_shuffle.h"

#include "dlfs/ops/halves.h"

namespace custom_op {
namespace {

class PixelShuffle : public OpFunction<PixelShuffleSettings> {
 public:
  explicit PixelShuffle(const PixelShuffleSettings& settings)
      : OpFunction("pixel_shuffle", settings,
                   {pixel_shuffle_forward_cpu, pixel_shuffle_backward_cpu,
                    DLFS_GPU_HALF(pixel_shuffle_forward_gpu), DLFS_GPU_HALF(pixel_shuffle_backward_gpu)}) {}

  std::string settings() const override {
    return concat(R"({"factor": )", settings_.factor, R"(, "inverse": )",
                  settings_.inverse ? "true" : "false", "}");
  }

  Signature infer(const Inputs& in) const override {
    DLFS_CHECK(in.size() == 1, "pixel_shuffle takes x");
    const Shape x = in[0].shape;
    const int f = settings_.factor;
    const auto refuse = [](const auto&... fact) { throw ShapeError("pixel_shuffle", concat(fact...)); };
    if (in[0].dtype != DType::f32) refuse("x is ", to_string(in[0]), ", but must be f32");
    if (f < 1 || f > 64) refuse("factor ", f, " is not between 1 and 64");
    if (settings_.inverse && (x.h % f != 0 || x.w % f != 0))
      refuse("x ", to_string(x), " has ", x.h, "x", x.w, " pixels, but factor ", f, " makes blocks of ", f,
             "x", f);
    if (!settings_.inverse && x.c % (f * f) != 0)
      refuse("x ", to_string(x), " has ", x.c, " channels, but factor ", f, " makes pixels of ", f * f);
    const Shape y = settings_.inverse ? Shape{x.n, x.h / f, x.w / f, x.c * f * f}
                                      : Shape{x.n, x.h * f, x.w * f, x.c / (f * f)};
    return {.outputs = {{y, DType::f32}}, .saved = {}, .updates = {}, .terms = 1, .gradient_terms = {1}};
  }
};

}  // namespace

FunctionPtr pixel_shuffle_function(const PixelShuffleSettings& settings) {
  return std::make_shared<PixelShuffle>(settings);
}

Value pixel_shuffle(Value x, const PixelShuffleSettings& settings) {
  return x.trace().apply(pixel_shuffle_function(settings), {x})[0];
}

}  // namespace custom_op
