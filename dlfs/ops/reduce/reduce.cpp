#include "dlfs/ops/reduce/reduce.h"

#include <array>

#include "dlfs/ops/halves.h"

namespace dlfs {
namespace {

const char* name_of(Over over) {
  constexpr std::array names = {"all", "spatial", "positions", "channels", "images"};
  return names[static_cast<size_t>(over)];
}

Shape reduced(const Shape& x, Over over) {
  switch (over) {
    case Over::all:
      return {};
    case Over::spatial:
      return {.n = x.n, .c = x.c};
    case Over::positions:
      return {.c = x.c};
    case Over::channels:
      return {.n = x.n, .h = x.h, .w = x.w};
    case Over::images:
      return {.h = x.h, .w = x.w, .c = x.c};
  }
  return x;
}

class Reduce : public OpFunction<ReduceSettings> {
 public:
  explicit Reduce(const ReduceSettings& settings)
      : OpFunction(settings.mean ? "mean" : "sum", settings, DLFS_HALVES(reduce)) {}

  std::string settings() const override { return concat(R"({"over": ")", name_of(settings_.over), R"("})"); }

  Signature infer(const Inputs& in) const override {
    DLFS_CHECK(in.size() == 1, name(), " takes x");
    check_map(name(), "x", in[0]);
    const Shape x = in[0].shape, y = reduced(x, settings_.over);
    return {.outputs = {{y, in[0].dtype}}, .terms = x.count() / y.count()};
  }
};

}  // namespace

FunctionPtr reduce_function(const ReduceSettings& settings) { return std::make_shared<Reduce>(settings); }

Value sum(Value x, Over over) { return x.trace().apply(reduce_function({.over = over}), {x})[0]; }

Value mean(Value x, Over over) {
  return x.trace().apply(reduce_function({.over = over, .mean = true}), {x})[0];
}

}  // namespace dlfs
