#include "dlfs/ops/max_pool/max_pool.h"

#include "dlfs/ops/windows.h"

namespace dlfs {
namespace {

constexpr int largest_size = 15;  // a place in the window is a u8

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
    const Windows of = checked_windows("max_pool", in[0], settings_, largest_size);
    return {.outputs = {{of.y, in[0].dtype}},
            .saved = {{of.y, DType::u8}},
            .updates = {},
            .terms = 1,
            .gradient_terms = {of.overlap()}};
  }
};

}  // namespace

FunctionPtr max_pool_function(const MaxPoolSettings& settings) { return std::make_shared<MaxPool>(settings); }

Value max_pool(Value x, const MaxPoolSettings& settings) {
  return x.trace().apply(max_pool_function(settings), {x})[0];
}

}  // namespace dlfs
