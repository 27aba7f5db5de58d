#include "dlfs/ops/max_pool/max_pool.h"

#include "dlfs/ops/halves.h"

namespace dlfs {
namespace {

class MaxPool : public OpFunction<MaxPoolSettings> {
 public:
  explicit MaxPool(const MaxPoolSettings& settings)
      : OpFunction("max_pool", settings,
                   {max_pool_forward_cpu, max_pool_backward_cpu, DLFS_GPU_HALF(max_pool_forward_gpu),
                    DLFS_GPU_HALF(max_pool_backward_gpu)}) {}

  std::string settings() const override {
    return concat(R"({"size": )", settings_.size, R"(, "stride": )", settings_.step(), R"(, "pad": )",
                  settings_.pad, R"(, "relu": )", settings_.relu ? "true" : "false", "}");
  }

  Signature infer(const Inputs& in) const override {
    DLFS_CHECK(in.size() == 1, "max_pool takes x");
    const Shape x = in[0].shape;
    const int size = settings_.size, pad = settings_.pad;
    const auto refuse = [](const auto&... fact) { throw ShapeError("max_pool", concat(fact...)); };
    if (in[0].dtype != DType::f32) refuse("x is ", to_string(in[0]), ", but must be f32");
    if (size < 1 || size > 15) refuse("size ", size, " is not between 1 and 15");
    if (settings_.stride < 0 || pad < 0 || pad > size / 2)
      refuse("stride ", settings_.stride, " must not be negative and pad ", pad, " at most half of size ",
             size);
    if (x.h + 2 * pad < size || x.w + 2 * pad < size)
      refuse("a window of ", size, " is larger than x ", to_string(x), " padded by ", pad);
    const Shape y{x.n, (x.h + 2 * pad - size) / settings_.step() + 1,
                  (x.w + 2 * pad - size) / settings_.step() + 1, x.c};
    const int overlap = (size - 1) / settings_.step() + 1;  // windows that see one pixel, a side
    return {.outputs = {{y, DType::f32}},
            .saved = {{y, DType::u8}},
            .updates = {},
            .terms = 1,
            .gradient_terms = {int64_t{overlap} * overlap}};
  }
};

}  // namespace

FunctionPtr max_pool_function(const MaxPoolSettings& settings) { return std::make_shared<MaxPool>(settings); }

Value max_pool(Value x, const MaxPoolSettings& settings) {
  return x.trace().apply(max_pool_function(settings), {x})[0];
}

}  // namespace dlfs
