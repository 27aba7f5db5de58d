// The harness must refuse each kind of wrong function. These tests fail where it is too kind.
#include "dlfs/testing/spoilers.h"

#include <gtest/gtest.h>

#include "dlfs/cpu/cpu_device.h"
#include "dlfs/graph/check.h"
#include "dlfs/graph/plan.h"
#include "dlfs/ops/conv/conv.h"
#include "dlfs/ops/elementwise/elementwise.h"
#include "dlfs/ops/max_pool/max_pool.h"
#include "dlfs/ops/reduce/reduce.h"
#include "dlfs/ops/softmax_cross_entropy/softmax_cross_entropy.h"
#include "dlfs/tensor/half.h"
#include "dlfs/testing/cases.h"
#include "dlfs/testing/op_checks.h"

namespace dlfs::testing {
namespace {

// One row of every op that has a gradient, its function replaced.
std::vector<OpCase> spoiled_cases(FunctionPtr (*spoil)(FunctionPtr)) {
  std::vector<OpCase> all;
  for (const std::string name :
       {"conv/3x3 pad bias relu", "max_pool/2x2", "linear/map", "softmax_cross_entropy/ten classes"})
    for (OpCase of : all_cases())
      if (of.name == name) {
        of.function = spoil(of.function);
        all.push_back(of);
      }
  EXPECT_EQ(all.size(), 4U);
  return all;
}

TEST(Spoilers, ABackwardOfZerosIsRefused) {
  const auto cpu = open_cpu();
  for (const OpCase& of : spoiled_cases(with_zero_backward))
    EXPECT_FALSE(all_ok(check_gradient(*cpu, of))) << of.name;
}

TEST(Spoilers, AGradientSetWhereItMustAddIsRefused) {
  const auto cpu = open_cpu();
  for (const OpCase& of : spoiled_cases(with_set_for_add))
    EXPECT_FALSE(all_ok(check_gradient(*cpu, of))) << of.name;
}

TEST(Spoilers, ALargestElementOnePercentTooLargeIsRefused) {
  const auto cpu = open_cpu();
  for (const OpCase& of : spoiled_cases(with_wrong_largest)) {
    OpCase right = of;
    for (const OpCase& original : all_cases())
      if (original.name == of.name) right = original;
    EXPECT_TRUE(all_ok(check_compare(*cpu, *cpu, right))) << of.name;
    OpRun found(*cpu, of), wanted(*cpu, right);
    found.forward();
    wanted.forward();
    const double tolerance = output_tolerance(wanted.signature(), Precision::f32);
    EXPECT_GT(relative_error(found.results()[0], wanted.results()[0]), tolerance) << of.name;
  }
}

TEST(Spoilers, AResultRoundedCoarselyIn16BitsIsRefused) {
  const auto cpu = open_cpu();
  int tried = 0;
  for (OpCase of : all_cases()) {
    if (of.name != "max_pool/2x2" && of.name != "mean/spatial, odd" && of.name != "elementwise/silu" &&
        of.name != "concat/two" && of.name != "stem_filter/blocks")
      continue;
    ++tried;
    EXPECT_TRUE(all_ok(check_narrow(*cpu, *cpu, of, Precision::bf16))) << of.name;
    of.function = with_coarse_halves(of.function);
    EXPECT_TRUE(all_ok(check_compare(*cpu, *cpu, of))) << of.name;
    EXPECT_FALSE(all_ok(check_narrow(*cpu, *cpu, of, Precision::bf16))) << of.name;
  }
  EXPECT_EQ(tried, 5);
}

// A net in bf16 against the reference in f32: what is right passes, and a wrong step is named.
std::string check_in_16_bits(bool wrong) {
  const auto cpu = open_cpu(), reference = open_cpu();
  State state(1);
  Trace trace(state, {.precision = Precision::bf16});
  const Value x = trace.input("x", {{2, 8, 8, 16}, DType::bf16});
  const Value w = trace.weight(
      state.add("w", {{1, 1, 1, 16}}, Role::parameter, {.kind = Init::Kind::normal, .value = 0.5F}));
  FunctionPtr pool = max_pool_function({});
  if (wrong) pool = with_coarse_halves(pool);
  const Value y = trace.apply(pool, {silu(x * w)})[0];
  trace.loss("loss", softmax_cross_entropy(global_average_pool(y),
                                           trace.input("labels", {{2, 1, 1, 1}, DType::i32})));
  trace.output("d_w", trace.gradient(w));
  Plan plan(std::move(trace));
  plan.compile(*cpu);
  std::vector<Bf16> images(static_cast<size_t>(plan["x"].shape().count()));
  for (size_t i = 0; i < images.size(); ++i) images[i] = Bf16(static_cast<float>(i * 37 % 101) / 50 - 1);
  const std::vector<int32_t> labels{3, 11};
  cpu->upload(plan["x"], images.data(), cpu->stream());
  cpu->upload(plan["labels"], labels.data(), cpu->stream());
  Check check(*cpu, *reference);
  try {
    plan.run(cpu->stream(), check);
    return concat(check.steps(), " steps are equal");
  } catch (const CheckError& error) {
    return error.what();
  }
}

TEST(Spoilers, ACheckRunIn16BitsNamesTheStep) {
  EXPECT_EQ(check_in_16_bits(false), "10 steps are equal");
  const std::string found = check_in_16_bits(true);
  EXPECT_EQ(found.rfind("[check] max_pool: max_pool forward differs from the cpu", 0), 0U) << found;
}

// On the "device" the second convolution is wrong; on the reference, which is made from the same Function, it is right:
// the function spoils its first kernel only.
class WrongOnce : public Function {
 public:
  explicit WrongOnce(FunctionPtr inner) : inner_(std::move(inner)), wrong_(with_wrong_largest(inner_)) {}
  std::string name() const override { return inner_->name(); }
  Signature infer(const Inputs& in) const override { return inner_->infer(in); }
  Needs needs() const override { return inner_->needs(); }
  KernelPtr forward(Device& device, const Site& site) const override {
    return made_++ == 0 ? wrong_->forward(device, site) : inner_->forward(device, site);
  }
  KernelPtr backward(Device& device, const Site& site) const override {
    return inner_->backward(device, site);
  }

 private:
  FunctionPtr inner_, wrong_;
  mutable int made_ = 0;
};

TEST(Spoilers, ACheckRunNamesTheStep) {
  const auto cpu = open_cpu(), reference = open_cpu();
  State state(1);
  Trace trace(state);
  const Value x = trace.input("x", {{2, 12, 12, 3}});
  const auto layer = [&](const std::string& name, Value in, bool wrong) {
    const Trace::Scope scope = trace.scope(name);
    const Shape w{4, 3, 3, in.shape().c};
    const Value weight = trace.param(
        state.add(trace.path("weight"), {w}, Role::parameter, {.kind = Init::Kind::normal, .value = 0.3f}));
    FunctionPtr function = conv_function({.pad = 1, .relu = true});
    if (wrong) function = std::make_shared<WrongOnce>(function);
    return trace.apply(function, {in, weight, Value{}})[0];
  };
  const bool wrong = true;
  trace.output("y", layer("conv3", layer("conv2", layer("conv1", x, !wrong), wrong), !wrong));
  Plan plan(std::move(trace));
  plan.compile(*cpu);
  std::vector<float> images(plan["x"].shape().count(), 0.5f);
  cpu->upload(plan["x"], images.data(), cpu->stream());
  Check check(*cpu, *reference);
  try {
    plan.run(cpu->stream(), check);
    ADD_FAILURE() << "the check found nothing";
  } catch (const CheckError& error) {
    EXPECT_EQ(std::string(error.what()).rfind("[check] conv2: conv forward differs from the cpu", 0), 0U)
        << error.what();
    EXPECT_EQ(check.steps(), 1) << "conv1 was equal";
  }
}

}  // namespace
}  // namespace dlfs::testing
