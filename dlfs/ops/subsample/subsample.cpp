#include "dlfs/ops/subsample/subsample.h"

#include "dlfs/ops/halves.h"

namespace dlfs {
namespace {

class Subsample : public OpFunction<SubsampleSettings> {
 public:
  explicit Subsample(const SubsampleSettings& settings)
      : OpFunction("subsample", settings, DLFS_HALVES(subsample)) {}

  std::string settings() const override {
    return concat(R"({"stride": )", settings_.stride, R"(, "channels": )", settings_.channels, "}");
  }

  Signature infer(const Inputs& in) const override {
    DLFS_CHECK(in.size() == 1, "subsample takes x");
    const Shape& x = in[0].shape;
    const auto [stride, channels] = settings_;
    if (!is_float(in[0].dtype)) refuse("x is ", to_string(in[0]), ", but must be f32, f16 or bf16");
    if (stride < 1) refuse("stride is ", stride, ", but must be at least 1");
    if (channels < x.c)
      refuse("x ", to_string(x), " has ", x.c, " channels, but y only ", channels, "; channels are added");
    const auto extent = [s = stride](int length) { return (length - 1) / s + 1; };
    return {.outputs = {{{x.n, extent(x.h), extent(x.w), channels}, in[0].dtype}}};
  }
};

}  // namespace

FunctionPtr subsample_function(const SubsampleSettings& settings) {
  return std::make_shared<Subsample>(settings);
}

Value subsample(Value x, const SubsampleSettings& settings) {
  return x.trace().apply(subsample_function(settings), {x})[0];
}

}  // namespace dlfs
