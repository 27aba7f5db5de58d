#include "dlfs/ops/max_pool/max_pool.h"

#include "dlfs/ops/windows.h"

namespace dlfs {
namespace {

constexpr int largest_size = 15;  // a place in the window is a u8

class MaxPool : public OpFunction<MaxPoolSettings> {
 public:
  explicit MaxPool(const MaxPoolSettings& settings)
      : OpFunction("max_pool", settings, DLFS_HALVES(max_pool)) {}

  std::string settings() const override {
    return concat(R"({"size": )", settings_.size, R"(, "stride": )", settings_.step(), R"(, "pad": )",
                  settings_.pad, R"(, "relu": )", settings_.relu ? "true" : "false", "}");
  }

  Signature infer(const Inputs& in) const override {
    DLFS_CHECK(in.size() == 1 || in.size() == 2, "max_pool takes x and bias");
    const Windows of = checked_windows("max_pool", in[0], settings_, largest_size);
    const Spec bias = in.size() > 1 ? in[1] : absent, wanted{{1, 1, 1, of.x.c}, DType::f32};
    if (bias && in.mode == Mode::train)
      refuse("bias is for inference: it has no gradient; in training write x + bias");
    if (bias && bias != wanted)
      refuse("bias is ", to_string(bias), ", but x ", to_string(of.x), " needs ", to_string(wanted));
    return {.outputs = {{of.y, in[0].dtype}},
            .saved = {{of.y, DType::u8}},
            .terms = 1,
            .gradient_terms = {of.overlap()}};
  }
};

}  // namespace

FunctionPtr max_pool_function(const MaxPoolSettings& settings) { return std::make_shared<MaxPool>(settings); }

Value max_pool(Value x, const MaxPoolSettings& settings) { return max_pool(x, {}, settings); }

Value max_pool(Value x, Value bias, const MaxPoolSettings& settings) {
  const std::vector<Value> in = bias ? std::vector{x, bias} : std::vector{x};
  return x.trace().apply(max_pool_function(settings), in)[0];
}

}  // namespace dlfs
