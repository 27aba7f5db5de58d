#include "dlfs/ops/elementwise/elementwise.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "dlfs/graph/plan.h"
#include "dlfs/testing/cases.h"
#include "dlfs/testing/devices.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/op_checks.h"

namespace dlfs::testing {
namespace {

using Kind = Elementwise;

// Where the values lie: away from poles. Rows with kinks are not smooth.
struct UnaryRow {
  std::string name;
  ElementwiseSettings settings;
  double low = -1, high = 1;
  bool smooth = true;
};

std::vector<UnaryRow> unary_rows() {
  return {
      {.name = "negate", .settings = {.kind = Kind::negate}},
      {.name = "exp", .settings = {.kind = Kind::exp}},
      {.name = "log", .settings = {.kind = Kind::log}, .low = 1, .high = 3},
      {.name = "sqrt", .settings = {.kind = Kind::sqrt}, .low = 1, .high = 3},
      {.name = "abs", .settings = {.kind = Kind::abs}, .smooth = false},
      {.name = "relu", .settings = {.kind = Kind::relu}, .smooth = false},
      {.name = "sigmoid", .settings = {.kind = Kind::sigmoid}, .low = -4, .high = 4},
      {.name = "tanh", .settings = {.kind = Kind::tanh}, .low = -2, .high = 2},
      {.name = "silu", .settings = {.kind = Kind::silu}, .low = -4, .high = 4},
      {.name = "hard_swish", .settings = {.kind = Kind::hard_swish}, .low = -5, .high = 5, .smooth = false},
      {.name = "leaky_relu", .settings = {.kind = Kind::leaky_relu, .slope = 0.125F}, .smooth = false},
      {.name = "clamp", .settings = {.kind = Kind::clamp, .low = -0.5F, .high = 0.75F}, .smooth = false},
      {.name = "clamp below", .settings = {.kind = Kind::clamp, .low = 0, .high = INFINITY}, .smooth = false},
      {.name = "power 2", .settings = {.kind = Kind::power, .exponent = 2}},
      {.name = "power 3", .settings = {.kind = Kind::power, .exponent = 3}},
      {.name = "power 1.5", .settings = {.kind = Kind::power, .exponent = 1.5F}, .low = 1, .high = 3},
      {.name = "power -1", .settings = {.kind = Kind::power, .exponent = -1}, .low = 1, .high = 3},
  };
}

struct BinaryRow {
  std::string name;
  ElementwiseSettings settings;
  Shape a = {2, 3, 5, 8}, b = a;
  bool smooth = true, speed = false, compare = true;
};

std::vector<BinaryRow> binary_rows() {
  const Shape x{2, 3, 5, 8}, odd{3, 5, 4, 7};
  return {
      {.name = "add/same", .settings = {.kind = Kind::add}},
      {.name = "add/odd", .settings = {.kind = Kind::add}, .a = odd, .b = odd},
      {.name = "add/channels", .settings = {.kind = Kind::add}, .b = {1, 1, 1, 8}},
      {.name = "add/one number", .settings = {.kind = Kind::add}, .b = {1, 1, 1, 1}},
      {.name = "add/constant", .settings = {.kind = Kind::add, .right = 0.5F}},
      {.name = "subtract/same", .settings = {.kind = Kind::subtract}},
      {.name = "subtract/channels, odd", .settings = {.kind = Kind::subtract}, .a = odd, .b = {1, 1, 1, 7}},
      {.name = "subtract/from a constant", .settings = {.kind = Kind::subtract, .left = 2}},
      {.name = "multiply/same", .settings = {.kind = Kind::multiply}},
      {.name = "multiply/channels", .settings = {.kind = Kind::multiply}, .b = {1, 1, 1, 8}},
      {.name = "multiply/images", .settings = {.kind = Kind::multiply}, .a = {2, 1, 1, 1}, .b = x},
      {.name = "multiply/gates", .settings = {.kind = Kind::multiply}, .b = {2, 1, 1, 8}},
      {.name = "multiply/mask", .settings = {.kind = Kind::multiply}, .a = odd, .b = {3, 5, 4, 1}},
      {.name = "multiply/map by filters",
       .settings = {.kind = Kind::multiply},
       .a = {4, 6, 5, 1},
       .b = {1, 6, 5, 12}},
      {.name = "multiply/columns by rows",
       .settings = {.kind = Kind::multiply},
       .a = {3, 1, 5, 1},
       .b = {1, 7, 1, 6}},
      {.name = "multiply/rows by images",
       .settings = {.kind = Kind::multiply},
       .a = {1, 6, 1, 8},
       .b = {3, 1, 5, 1}},
      {.name = "multiply/large sums",
       .settings = {.kind = Kind::multiply},
       .a = {8, 24, 24, 20},
       .b = {1, 1, 1, 20}},
      {.name = "multiply/one large sum",
       .settings = {.kind = Kind::multiply},
       .a = {9, 31, 31, 5},
       .b = {1, 1, 1, 1}},
      {.name = "multiply/constant", .settings = {.kind = Kind::multiply, .left = 3}},
      {.name = "divide/same", .settings = {.kind = Kind::divide}},
      {.name = "divide/by channels", .settings = {.kind = Kind::divide}, .a = odd, .b = {1, 1, 1, 7}},
      {.name = "divide/channels by a map", .settings = {.kind = Kind::divide}, .a = {1, 1, 1, 8}, .b = x},
      {.name = "divide/a constant", .settings = {.kind = Kind::divide, .left = 2}},
      {.name = "divide/by a constant", .settings = {.kind = Kind::divide, .right = 3}},
      {.name = "maximum/same", .settings = {.kind = Kind::maximum}, .smooth = false},
      {.name = "maximum/channels", .settings = {.kind = Kind::maximum}, .b = {1, 1, 1, 8}, .smooth = false},
      {.name = "maximum/constant", .settings = {.kind = Kind::maximum, .right = 1.5F}, .smooth = false},
      {.name = "minimum/same", .settings = {.kind = Kind::minimum}, .smooth = false},
      {.name = "minimum/mask", .settings = {.kind = Kind::minimum}, .b = {2, 3, 5, 1}, .smooth = false},
      {.name = "add/speed residual",
       .settings = {.kind = Kind::add},
       .a = {16, 56, 56, 256},
       .speed = true,
       .compare = false},
      {.name = "multiply/speed channels",
       .settings = {.kind = Kind::multiply},
       .a = {16, 56, 56, 256},
       .b = {1, 1, 1, 256},
       .speed = true},
      {.name = "multiply/speed gates",
       .settings = {.kind = Kind::multiply},
       .a = {64, 28, 28, 512},
       .b = {64, 1, 1, 512},
       .speed = true,
       .compare = false},
      {.name = "multiply/speed mask",
       .settings = {.kind = Kind::multiply},
       .a = {16, 56, 56, 256},
       .b = {16, 56, 56, 1},
       .speed = true},
      {.name = "add/speed lenet bias",
       .settings = {.kind = Kind::add},
       .a = {256, 24, 24, 20},
       .b = {1, 1, 1, 20},
       .speed = true},
  };
}

}  // namespace

std::vector<OpCase> elementwise_cases() {
  std::vector<OpCase> all;
  for (const UnaryRow& row : unary_rows())
    for (const Shape& x : {Shape{2, 4, 5, 8}, Shape{1, 3, 37, 3}})
      all.push_back({.name = concat("elementwise/", row.name, x.c == 8 ? "" : ", odd"),
                     .function = elementwise_function(row.settings),
                     .inputs = {{.spec = {x}, .low = row.low, .high = row.high, .matrix = true}},
                     .smooth = row.smooth,
                     .narrow = true});
  for (const BinaryRow& row : binary_rows()) {
    // Divisors stay away from 0.
    const auto input = [](const Shape& shape, float constant) -> CaseInput {
      return {.spec = std::isnan(constant) ? Spec{shape} : absent, .low = 1, .high = 2, .matrix = true};
    };
    all.push_back({.name = "elementwise/" + row.name,
                   .function = elementwise_function(row.settings),
                   .inputs = {input(row.a, row.settings.left), input(row.b, row.settings.right)},
                   .smooth = row.smooth,
                   .golden = !row.speed,
                   .speed = row.speed,
                   .compare = row.compare,
                   .narrow = true});
  }
  for (const UnaryRow& row : unary_rows())
    if (row.name == "relu" || row.name == "silu" || row.name == "power 2")
      all.push_back({.name = concat("elementwise/", row.name, ", speed"),
                     .function = elementwise_function(row.settings),
                     .inputs = {{.spec = {{256, 24, 24, 20}}, .matrix = true}},
                     .golden = false,
                     .speed = true,
                     .narrow = true});
  return all;
}

DLFS_OP_TESTS(Elementwise, elementwise_cases())

// ---- NaN, infinities, ties and kinks, where a table of random numbers never comes ----

struct OddRow {
  std::string name;
  ElementwiseSettings settings;
  Numbers a, b, y, d_a, d_b;  // a gradient of 1 arrives; b is empty where there is none
};

static std::vector<OddRow> odd_rows() {
  const double nan = std::nan(""), inf = INFINITY;
  return {
      {"relu", {.kind = Kind::relu}, {nan, -inf, inf, 0, -2}, {}, {nan, 0, inf, 0, 0}, {1, 0, 1, 0, 0}, {}},
      {"leaky_relu",
       {.kind = Kind::leaky_relu, .slope = 0.5},
       {nan, -inf, inf, 0, -2},
       {},
       {nan, -inf, inf, 0, -1},
       {0.5, 0.5, 1, 0.5, 0.5},
       {}},
      {"clamp",
       {.kind = Kind::clamp, .low = -3, .high = 3},
       {nan, -inf, inf, -3, 3, 1},
       {},
       {nan, -3, 3, -3, 3, 1},
       {0, 0, 0, 1, 1, 1},
       {}},
      {"abs", {.kind = Kind::abs}, {nan, -inf, inf, 0, -2}, {}, {nan, inf, inf, 0, 2}, {0, -1, 1, 0, -1}, {}},
      {"hard_swish",
       {.kind = Kind::hard_swish},
       {nan, inf, 0, -3, 3, -4, 4},
       {},
       {nan, inf, 0, 0, 3, 0, 4},
       {1, 1, 0.5, 0, 1, 0, 1},
       {}},
      {"sigmoid",
       {.kind = Kind::sigmoid},
       {nan, -inf, inf, 0, -200, 200},
       {},
       {nan, 0, 1, 0.5, 0, 1},
       {nan, 0, 0, 0.25, 0, 0},
       {}},
      {"silu",
       {.kind = Kind::silu},
       {nan, inf, 0, -200, 200},
       {},
       {nan, inf, 0, 0, 200},
       {nan, nan, 0.5, 0, 1},
       {}},
      {"tanh", {.kind = Kind::tanh}, {nan, -inf, inf, 0}, {}, {nan, -1, 1, 0}, {nan, 0, 0, 1}, {}},
      {"sqrt",
       {.kind = Kind::sqrt},
       {nan, -4, inf, 0, 4},
       {},
       {nan, nan, inf, 0, 2},
       {nan, nan, 0, inf, 0.25},
       {}},
      {"log",
       {.kind = Kind::log},
       {nan, -4, inf, 0, 1},
       {},
       {nan, nan, inf, -inf, 0},
       {nan, -0.25, 0, inf, 1},
       {}},
      {"power 0",
       {.kind = Kind::power, .exponent = 0},
       {nan, inf, 0, -4},
       {},
       {1, 1, 1, 1},
       {0, 0, 0, 0},
       {}},
      {"power 3",
       {.kind = Kind::power, .exponent = 3},
       {nan, -inf, 0, -4},
       {},
       {nan, -inf, 0, -64},
       {nan, inf, 0, 48},
       {}},
      {"power -1",
       {.kind = Kind::power, .exponent = -1},
       {nan, inf, 0, -4},
       {},
       {nan, 0, inf, -0.25},
       {nan, 0, -inf, -0.0625},
       {}},
      {"power 2.5",
       {.kind = Kind::power, .exponent = 2.5},
       {nan, inf, 0, -4, 4},
       {},
       {nan, inf, 0, nan, 32},
       {nan, inf, 0, nan, 20},
       {}},
      {"maximum",
       {.kind = Kind::maximum},
       {nan, 1, nan, 2, 2, -inf, 0},
       {1, nan, nan, 2, 3, -inf, -0.0},
       {nan, nan, nan, 2, 3, -inf, 0},
       {1, 1, 1, 0.5, 0, 0.5, 0.5},
       {1, 1, 1, 0.5, 1, 0.5, 0.5}},
      {"minimum",
       {.kind = Kind::minimum},
       {nan, 1, nan, 2, 2, -inf, 0},
       {1, nan, nan, 2, 3, -inf, -0.0},
       {nan, nan, nan, 2, 2, -inf, 0},
       {1, 1, 1, 0.5, 1, 0.5, 0.5},
       {1, 1, 1, 0.5, 0, 0.5, 0.5}},
      {"divide",
       {.kind = Kind::divide},
       {nan, 1, 2, 0, 6},
       {1, nan, 0, 0, 3},
       {nan, nan, inf, nan, 2},
       {1, nan, inf, inf, 1.0 / 3},
       {nan, nan, -inf, nan, -2.0 / 3}},
  };
}

static void expect_equal(const Numbers& found, const Numbers& wanted, const std::string& what) {
  ASSERT_EQ(found.size(), wanted.size()) << what;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (std::isnan(wanted[i]))
      EXPECT_TRUE(std::isnan(found[i])) << what << " " << i << " is " << found[i];
    else if (std::isinf(wanted[i]))
      EXPECT_EQ(found[i], wanted[i]) << what << " " << i;
    else
      EXPECT_NEAR(found[i], wanted[i], 1e-6 * std::max(1.0, std::abs(wanted[i]))) << what << " " << i;
  }
}

static void expect_odd_values(Device& device) {
  for (const OddRow& row : odd_rows()) {
    const Spec spec{{1, 1, 1, static_cast<int>(row.a.size())}};
    OpCase of{.name = "elementwise/odd values of " + row.name,
              .function = elementwise_function(row.settings),
              .inputs = {{.spec = spec}}};
    if (!row.b.empty()) of.inputs.push_back({.spec = spec});
    OpRun run(device, of);
    run.set_input(0, row.a);
    if (!row.b.empty()) run.set_input(1, row.b);
    run.set_d_out(0, Numbers(row.a.size(), 1));
    run.forward();
    run.backward(Write::set);
    expect_equal(run.results()[0], row.y, row.name);
    expect_equal(run.gradients()[0], row.d_a, row.name + " gradient of a");
    if (!row.b.empty()) expect_equal(run.gradients()[1], row.d_b, row.name + " gradient of b");
  }
}

TEST(Elementwise, MeetsPyTorchAtNanInfinityTiesAndKinks) { expect_odd_values(*open_cpu()); }

TEST(GpuElementwise, MeetsPyTorchAtNanInfinityTiesAndKinks) {
  DLFS_NEEDS_GPU(gpu);
  expect_odd_values(*gpu);
}

// ---- formulas, as they are written ----

struct FormulaRow {
  std::string name;
  std::function<Value(Value)> formula;
  double y, d_x;  // where x is 4
};

static void expect_formulas(Device& device) {
  for (const FormulaRow& row : std::vector<FormulaRow>{
           {"x + x", [](Value x) { return x + x; }, 8, 2},
           {"x - x", [](Value x) { return x - x; }, 0, 0},
           {"x * x", [](Value x) { return x * x; }, 16, 8},
           {"x / x", [](Value x) { return x / x; }, 1, 0},
           {"-x", [](Value x) { return -x; }, -4, -1},
           {"x + 1", [](Value x) { return x + 1; }, 5, 1},
           {"1 - x", [](Value x) { return 1 - x; }, -3, -1},
           {"0.5 * x", [](Value x) { return 0.5 * x; }, 2, 0.5},
           {"x / 2", [](Value x) { return x / 2; }, 2, 0.5},
           {"1 / x", [](Value x) { return 1 / x; }, 0.25, -0.0625},
           {"maximum(5, x)", [](Value x) { return maximum(5, x); }, 5, 0},
           {"minimum(x, 4)", [](Value x) { return minimum(x, 4); }, 4, 0.5},
           {"power(x, 1.5)", [](Value x) { return power(x, 1.5F); }, 8, 3},
           {"leaky_relu(-x)", [](Value x) { return leaky_relu(-x); }, -0.04, -0.01},
           {"clamp(x, {.high = 5})", [](Value x) { return clamp(x, {.high = 5}); }, 4, 1},
           {"exp(2 * log(x)) - (x + 1) * (x - 1)",
            [](Value x) { return exp(2 * log(x)) - (x + 1) * (x - 1); }, 1, 0},
       }) {
    State state(1);
    Trace trace(state);
    const Value x = trace.param(state.add("x", {{1, 1, 1, 1}}, Role::parameter, {.value = 4}));
    trace.loss("y", row.formula(x));
    trace.output("d_x", trace.gradient(x));
    Plan plan(std::move(trace));
    plan.compile(device);
    plan.run(device.stream());
    float y = 0, d_x = 0;
    device.download(plan["y"], &y, device.stream());
    device.download(plan["d_x"], &d_x, device.stream());
    EXPECT_NEAR(y, row.y, 1e-5) << row.name;
    EXPECT_NEAR(d_x, row.d_x, 1e-5) << "the gradient of " << row.name;
  }
}

TEST(Elementwise, ReadsLikeMathematics) { expect_formulas(*open_cpu()); }

TEST(GpuElementwise, ReadsLikeMathematics) {
  DLFS_NEEDS_GPU(gpu);
  expect_formulas(*gpu);
}

TEST(Elementwise, KeepsAliveOnlyWhatBackwardReads) {
  const auto needs = [](const ElementwiseSettings& settings) {
    const Needs of = elementwise_function(settings)->needs();
    std::string names;
    for (const int i : of.inputs) names += i == 0 ? "a" : "b";
    return of.outputs.empty() ? names : names + "y";
  };
  EXPECT_EQ(needs({.kind = Kind::add}), "");
  EXPECT_EQ(needs({.kind = Kind::relu}), "y");
  EXPECT_EQ(needs({.kind = Kind::log}), "a");
  EXPECT_EQ(needs({.kind = Kind::multiply}), "ab");
  EXPECT_EQ(needs({.kind = Kind::multiply, .left = 2}), "");
  EXPECT_EQ(needs({.kind = Kind::divide, .right = 2}), "");
  EXPECT_EQ(needs({.kind = Kind::divide, .left = 2}), "b");
}

TEST(Elementwise, NamesBothValuesOfWhatDoesNotFit) {
  const auto infer = [](const ElementwiseSettings& settings, const std::vector<Spec>& in) {
    elementwise_function(settings)->infer({in});
  };
  const Spec x{{2, 4, 5, 3}};
  expect_error<ShapeError>(
      [&] {
        infer({.kind = Kind::multiply}, {x, Spec{{2, 4, 6, 1}}});
      },
      "[multiply] a [2,4,5,3] and b [2,4,6,1] have 5 and 6 as their w; extents must be equal, or 1 on one "
      "side");
  expect_error<ShapeError>(
      [&] {
        infer({.kind = Kind::add}, {x, Spec{x.shape, DType::i32}});
      },
      "[add] an input is i32 [2,4,5,3], but must be f32, f16 or bf16");
  expect_error<ShapeError>(
      [&] {
        infer({.kind = Kind::add}, {Spec{x.shape, DType::f16}, x});
      },
      "[add] a is f16 [2,4,5,3] and b f32 [2,4,5,3]; give both one type (Trace::weight() gives a parameter "
      "that of "
      "maps)");
  expect_error<ShapeError>([&] { infer({.kind = Kind::leaky_relu, .slope = -0.5F}, {x}); },
                           "[leaky_relu] slope -0.5 is negative; it must be at least 0");
  State state(1);
  Trace trace(state);
  const Value value = trace.input("x", x);
  expect_error<ShapeError>([&] { value + Value{}; }, "[add] one side is a null value");
  expect_error<ShapeError>([&] { exp(Value{}); }, "[exp] x is a null value");
  expect_error<ShapeError>([] { maximum(1, 2); },
                           "[maximum] both sides are numbers; one must be a value of a trace");
}

}  // namespace dlfs::testing
