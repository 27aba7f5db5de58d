#include "dlfs/ops/elementwise/elementwise.h"

#include <algorithm>
#include <cmath>

#include "dlfs/ops/elementwise/formula.h"
#include "dlfs/ops/halves.h"

namespace dlfs {
namespace {

struct Row {
  const char* name;
  size_t inputs;
};

#define DLFS_UNARY(name, ...) {#name, 1},
#define DLFS_BINARY(name, ...) {#name, 2},
constexpr Row rows[] = {DLFS_ELEMENTWISE(DLFS_UNARY, DLFS_UNARY, DLFS_BINARY)};
#undef DLFS_UNARY
#undef DLFS_BINARY

const Row& row_of(Elementwise kind) { return rows[static_cast<size_t>(kind)]; }

class ElementwiseFunction : public OpFunction<ElementwiseSettings> {
 public:
  explicit ElementwiseFunction(const ElementwiseSettings& settings)
      : OpFunction(row_of(settings.kind).name, settings, DLFS_HALVES(elementwise)) {}

  std::string settings() const override {
    const auto& s = settings_;
    std::vector<std::string> given;
    for (const auto& [name, value] :
         std::initializer_list<std::pair<const char*, float>>{{"left", s.left},
                                                              {"right", s.right},
                                                              {"exponent", s.exponent},
                                                              {"slope", s.slope},
                                                              {"low", s.low},
                                                              {"high", s.high}})
      if (std::isfinite(value)) given.push_back(concat("\"", name, "\": ", value));
    return "{" + join(given, ", ") + "}";
  }

  Signature infer(const Inputs& in) const override {
    DLFS_CHECK(in.size() == row_of(settings_.kind).inputs, name(), " of ", in.size(), " inputs");
    if (settings_.slope < 0) refuse("slope ", settings_.slope, " is negative; it must be at least 0");
    for (const Spec& spec : in.specs)
      if (spec) check_map(name(), "an input", spec);
    const Spec& given = in[0] ? in[0] : in[1];
    if (in.size() == 2 && in[1] && in[1].dtype != given.dtype)
      refuse("a is ", to_string(in[0]), " and b ", to_string(in[1]),
             "; give both one type (Trace::weight() gives a parameter that of maps)");
    const Shape y = in.size() == 1 ? in[0].shape : broadcast(in[0], in[1]);
    Signature signature{.outputs = {{y, given.dtype}}};
    for (const Spec& spec : in.specs)
      signature.gradient_terms.push_back(spec ? y.count() / spec.shape.count() : 1);
    return signature;
  }

  Needs needs() const override {
    using namespace elementwise;
    const auto reads = [&](Part part) {
      return with_formula(settings_.kind, part, [](auto formula) { return decltype(formula)::reads; });
    };
    // A number has no gradient, so what that would read is not needed, and is no tensor to keep.
    const bool value_a = std::isnan(settings_.left);
    const bool value_b = row_of(settings_.kind).inputs == 2 && std::isnan(settings_.right);
    const int all = (value_a ? reads(Part::gradient_a) : 0) | (value_b ? reads(Part::gradient_b) : 0);
    Needs needs;
    if (value_a && (all & of_a) != 0) needs.inputs.push_back(0);
    if (value_b && (all & of_b) != 0) needs.inputs.push_back(1);
    if ((all & of_y) != 0) needs.outputs.push_back(0);
    return needs;
  }

 private:
  Shape broadcast(const Spec& a, const Spec& b) const {
    DLFS_CHECK(a || b, name(), " of two numbers");
    if (!a || !b) return a ? a.shape : b.shape;
    const auto extent = [&](const char* axis, int of_a, int of_b) {
      if (of_a != of_b && of_a != 1 && of_b != 1)
        refuse("a ", to_string(a.shape), " and b ", to_string(b.shape), " have ", of_a, " and ", of_b,
               " as their ", axis, "; extents must be equal, or 1 on one side");
      return std::max(of_a, of_b);
    };
    return {extent("n", a.shape.n, b.shape.n), extent("h", a.shape.h, b.shape.h),
            extent("w", a.shape.w, b.shape.w), extent("c", a.shape.c, b.shape.c)};
  }
};

Value apply(const ElementwiseSettings& settings, Value x) {
  if (!x) throw ShapeError(row_of(settings.kind).name, "x is a null value");
  return x.trace().apply(elementwise_function(settings), {x})[0];
}

Value apply(Elementwise kind, const Term& a, const Term& b) {
  const auto refuse = [&](const char* fact) { throw ShapeError(row_of(kind).name, fact); };
  if ((!a.value && !a.number) || (!b.value && !b.number)) refuse("one side is a null value");
  if (!a.value && !b.value) refuse("both sides are numbers; one must be a value of a trace");
  constexpr float none = ElementwiseSettings::none;
  const FunctionPtr function =
      elementwise_function({.kind = kind, .left = a.number.value_or(none), .right = b.number.value_or(none)});
  return (a.value ? a : b).value.trace().apply(function, {a.value, b.value})[0];
}

}  // namespace

FunctionPtr elementwise_function(const ElementwiseSettings& settings) {
  return std::make_shared<ElementwiseFunction>(settings);
}

#define DLFS_UNARY(name, ...) \
  Value name(Value x) { return apply({.kind = Elementwise::name}, x); }
#define DLFS_NUMBERED(...)
#define DLFS_BINARY(name, ...) \
  Value name(const Term& a, const Term& b) { return apply(Elementwise::name, a, b); }
DLFS_ELEMENTWISE(DLFS_UNARY, DLFS_NUMBERED, DLFS_BINARY)
#undef DLFS_UNARY
#undef DLFS_NUMBERED
#undef DLFS_BINARY

Value power(Value x, float exponent) { return apply({.kind = Elementwise::power, .exponent = exponent}, x); }

Value leaky_relu(Value x, float slope) { return apply({.kind = Elementwise::leaky_relu, .slope = slope}, x); }

Value clamp(Value x, const ClampSettings& settings) {
  return apply({.kind = Elementwise::clamp, .low = settings.low, .high = settings.high}, x);
}

Walk elementwise_walk(const Site& site) {
  const auto shape = [&](size_t i) -> Shape {
    if (i < site.d_in.size() && site.d_in[i].to) return site.d_in[i].to.shape();
    return i < site.in.size() && site.in[i] ? site.in[i].shape() : Shape{};
  };
  return walk((site.d_out.empty() ? site.out : site.d_out)[0].shape(), shape(0), shape(1));
}

}  // namespace dlfs
