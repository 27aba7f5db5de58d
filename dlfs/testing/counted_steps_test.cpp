// Steps that do not count, and those that micro-batches make: loss scaling, accumulation and the updates together.
#include <gtest/gtest.h>

#include <limits>
#include <map>

#include "dlfs/graph/plan.h"
#include "dlfs/ops/accumulate/accumulate.h"
#include "dlfs/ops/adam/adam.h"
#include "dlfs/ops/elementwise/elementwise.h"
#include "dlfs/ops/loss_scale/loss_scale.h"
#include "dlfs/ops/reduce/reduce.h"
#include "dlfs/ops/sgd/sgd.h"
#include "dlfs/tensor/half.h"
#include "dlfs/testing/devices.h"
#include "dlfs/testing/op_case.h"

namespace dlfs::testing {
namespace {

// A parameter [1,1,1,5] whose gradient is the input "x"; two optimizers.
class ScaledStep {
 public:
  ScaledStep(Device& device, const LossScaleSettings& settings) : device_(device) {
    Trace trace(state_);
    const Value x = trace.input("x", {{1, 1, 1, 5}}), rate = trace.input("rate", {{1, 1, 1, 1}});
    const Value p = trace.param(state_.add("p", {{1, 1, 1, 5}}, Role::parameter, {.value = 1}));
    trace.loss("scaled_loss", sum(x * p, Over::all) * loss_scale(trace, settings));
    const Value factor = update_loss_scale(trace, settings);
    sgd(trace, rate, {.weight_decay = 0.1F, .decay_vectors = true}, factor);
    adam(trace, rate, {}, factor);
    plan_ = std::make_unique<Plan>(std::move(trace));
    plan_->compile(device);
    const float one = 0.25F;
    device.upload((*plan_)["rate"], &one, device.stream());
  }

  void run(float x) {
    const std::vector<float> values = {1, 2, x, 4, 5};
    device_.upload((*plan_)["x"], values.data(), device_.stream());
    plan_->run(device_.stream());
  }

  std::map<std::string, Numbers> content() const {
    std::map<std::string, Numbers> all;
    for (const State::Entry& entry : state_.entries()) {
      std::vector<std::byte> bytes_of(bytes(entry.spec));
      device_.download(entry.tensor, bytes_of.data(), device_.stream());
      for (int64_t i = 0; i < entry.spec.shape.count(); ++i)
        all[entry.name].push_back(number_at(bytes_of.data(), entry.spec.dtype, static_cast<size_t>(i)));
    }
    return all;
  }

 private:
  Device& device_;
  State state_{1};
  std::unique_ptr<Plan> plan_;
};

void expect_the_rule(Device& device) {
  ScaledStep step(device, {.initial = 1024, .largest = 2048, .growth_interval = 3});
  const auto scale_after = [&](float x) {
    step.run(x);
    return step.content()["loss_scale"][0];
  };
  EXPECT_EQ(scale_after(3), 1024);
  EXPECT_EQ(step.content()["loss_scale.factor"], Numbers{1.0 / 1024});
  EXPECT_EQ(step.content()["adam.steps"], Numbers{1});

  auto before = step.content();
  EXPECT_EQ(scale_after(std::numeric_limits<float>::infinity()), 512);
  auto after = step.content();
  EXPECT_EQ(after["loss_scale.factor"], Numbers{0});
  EXPECT_EQ(after["loss_scale.steps"], (Numbers{0, 1}));
  for (const auto& [name, values] : before)
    if (name.rfind("loss_scale", 0) != 0) {
      EXPECT_EQ(after[name], values) << name;
    }

  EXPECT_EQ(scale_after(std::numeric_limits<float>::quiet_NaN()), 256);
  for (const double wanted : {256, 256, 512, 512, 512, 1024, 1024, 1024, 2048, 2048, 2048, 2048})
    EXPECT_EQ(scale_after(3), wanted);
  EXPECT_EQ(step.content()["adam.steps"], Numbers{13}) << "two of 15 steps did not count";
}

}  // namespace

TEST(LossScale, FollowsTheGradients) { expect_the_rule(*open_cpu()); }

TEST(GpuLossScale, FollowsTheGradients) {
  DLFS_NEEDS_GPU(gpu);
  expect_the_rule(*gpu);
}

// Gradients are what they would be without: the scale is a power of two.
TEST(LossScale, ChangesNoBitOfAStep) {
  const auto cpu = open_cpu();
  ScaledStep scaled(*cpu, {.initial = 4096}), plain(*cpu, {.initial = 1});
  for (int i = 0; i < 3; ++i) {
    scaled.run(3);
    plain.run(3);
  }
  auto one = scaled.content(), other = plain.content();
  EXPECT_EQ(one["p"], other["p"]);
  EXPECT_NE(one["p"][0], 1);
}

// Three micro-batches a step, of gradients x * factor; p starts at 0 and is moved by their mean.
static void expect_mean_of_three(Device& device) {
  State state(1);
  Trace trace(state);
  const Value x = trace.input("x", {{1, 1, 1, 5}}), factor = trace.input("factor", {{1, 1, 1, 1}});
  const Value p = trace.param(state.add("p", {{1, 1, 1, 5}}, Role::parameter, {}));
  trace.loss("loss", sum(x * p, Over::all));
  sgd(trace, trace.input("rate", {{1, 1, 1, 1}}), {.momentum = 0},
      accumulate_gradients(trace, {.micro_batches = 3}, factor));
  trace.output("p", p);
  Plan plan(std::move(trace));
  plan.compile(device);
  const Stream stream = device.stream();
  const float rate = 1;
  device.upload(plan["rate"], &rate, stream);
  const auto after = [&](float gradient, float times) {
    const std::vector<float> values(5, gradient);
    device.upload(plan["x"], values.data(), stream);
    device.upload(plan["factor"], &times, stream);
    plan.run(stream);
    std::vector<float> found(5);
    device.download(plan["p"], found.data(), stream);
    for (const float one : found) EXPECT_EQ(one, found[0]);
    return found[0];
  };
  EXPECT_EQ(after(3, 1), 0);
  EXPECT_EQ(after(8, 0.5F), 0);
  EXPECT_FLOAT_EQ(after(2, 1), -3);
  // A micro-batch that does not count takes its step with it, wherever it stands.
  for (int bad = 0; bad < 3; ++bad)
    for (int i = 0; i < 3; ++i) EXPECT_FLOAT_EQ(after(100, i == bad ? 0 : 1), -3);
  EXPECT_FLOAT_EQ(after(1, 1), -3);
  EXPECT_FLOAT_EQ(after(1, 1), -3);
  EXPECT_FLOAT_EQ(after(4, 1), -5) << "nothing is left of what did not count";
}

TEST(Accumulate, GivesTheMeanOfAStep) { expect_mean_of_three(*open_cpu()); }

TEST(GpuAccumulate, GivesTheMeanOfAStep) {
  DLFS_NEEDS_GPU(gpu);
  expect_mean_of_three(*gpu);
}

TEST(Accumulate, OfOneIsNothing) {
  State state(1);
  Trace trace(state);
  const Value factor = trace.input("factor", {{1, 1, 1, 1}});
  EXPECT_EQ(trace.name(accumulate_gradients(trace, {}, factor)), "factor");
  EXPECT_TRUE(trace.graph().updates.empty());
  EXPECT_TRUE(state.entries().empty());
}

}  // namespace dlfs::testing
