#include "dlfs/ops/loss_scale/loss_scale.h"

#include <gtest/gtest.h>

#include <limits>

#include "dlfs/graph/plan.h"
#include "dlfs/ops/adam/adam.h"
#include "dlfs/ops/elementwise/elementwise.h"
#include "dlfs/ops/reduce/reduce.h"
#include "dlfs/ops/sgd/sgd.h"
#include "dlfs/tensor/half.h"
#include "dlfs/testing/cases.h"
#include "dlfs/testing/devices.h"
#include "dlfs/testing/op_checks.h"

namespace dlfs::testing {

std::vector<OpCase> loss_scale_cases() {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  struct Row {
    std::string name;
    int steps;
    double scale = 1024;
    int bad = -1;  // the gradient that is not finite
    bool speed = false;
  };
  std::vector<OpCase> all;
  for (const Row& row : std::vector<Row>{
           {.name = "finite", .steps = 5},
           {.name = "grows", .steps = 1999},
           {.name = "grows no further", .steps = 1999, .scale = 16777216},
           {.name = "the first is infinite", .steps = 5, .bad = 0},
           {.name = "the last is infinite", .steps = 1999, .bad = 2},
           {.name = "speed 25 million", .steps = 5, .speed = true},
       }) {
    OpCase of{.name = "loss_scale/" + row.name,
              .function = loss_scale_function({}),
              .inputs = {{.spec = {{1, 1, 1, 1}}, .given = {row.scale}},
                         {.spec = {{1, 1, 1, 1}}},
                         {.spec = {{1, 1, 1, 2}, DType::i32}, .given = {double(row.steps), 7}}},
              .golden = false,
              .speed = row.speed,
              .narrow = true};
    int number = 0;
    for (const Shape& shape : row.speed ? std::vector<Shape>{{1000, 1, 1, 2048}, {2048, 1, 1, 11240}}
                                        : std::vector<Shape>{{5, 3, 3, 3}, {1, 1, 1, 1}, {400, 1, 1, 257}}) {
      CaseInput gradient{.spec = {shape}, .matrix = true};
      if (number++ == row.bad) {
        gradient.given.assign(static_cast<size_t>(shape.count()), 1);
        gradient.given.back() = -infinity;
      }
      of.inputs.push_back(gradient);
    }
    all.push_back(of);
  }
  return all;
}

DLFS_OP_TESTS_WITHOUT_GOLDEN(LossScale, loss_scale_cases())

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

}  // namespace dlfs::testing
