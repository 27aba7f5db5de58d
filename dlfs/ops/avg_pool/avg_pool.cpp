#include "dlfs/ops/avg_pool/avg_pool.h"

#include "dlfs/ops/windows.h"

namespace dlfs {
namespace {

constexpr int largest_size = 1 << 12;  // no window of a picture is larger; twice its pad fits an int

class AvgPool : public OpFunction<AvgPoolSettings> {
 public:
  explicit AvgPool(const AvgPoolSettings& settings)
      : OpFunction("avg_pool", settings, DLFS_HALVES(avg_pool)) {}

  std::string settings() const override {
    return concat(R"({"size": )", settings_.size, R"(, "stride": )", settings_.step(), R"(, "pad": )",
                  settings_.pad, R"(, "count_include_pad": )", settings_.count_include_pad ? "true" : "false",
                  "}");
  }

  Signature infer(const Inputs& in) const override {
    DLFS_CHECK(in.size() == 1, "avg_pool takes x");
    const Windows of = checked_windows("avg_pool", in[0], settings_, largest_size);
    return {.outputs = {{of.y, in[0].dtype}},
            .terms = int64_t{of.size} * of.size,
            .gradient_terms = {of.overlap()}};
  }
};

}  // namespace

FunctionPtr avg_pool_function(const AvgPoolSettings& settings) { return std::make_shared<AvgPool>(settings); }

Value avg_pool(Value x, const AvgPoolSettings& settings) {
  return x.trace().apply(avg_pool_function(settings), {x})[0];
}

}  // namespace dlfs
