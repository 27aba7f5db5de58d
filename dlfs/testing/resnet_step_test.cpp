// The whole training step of a residual net, as `dlfs train` traces it: in 16 bits, recorded, checked, and across a step
// that does not count.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "dlfs/graph/check.h"
#include "dlfs/ops/batch_norm/batch_norm.h"
#include "dlfs/ops/elementwise/elementwise.h"
#include "dlfs/ops/loss_scale/loss_scale.h"
#include "dlfs/ops/sgd/sgd.h"
#include "dlfs/ops/softmax_cross_entropy/softmax_cross_entropy.h"
#include "dlfs/tensor/half.h"
#include "dlfs/testing/devices.h"
#include "dlfs/testing/op_case.h"
#include "dlfs/train/train.h"

namespace dlfs::testing {
namespace {

constexpr int batch = 8;

struct StepSettings {
  Precision precision = Precision::bf16;
  bool fast = false;
  bool scaled = false;  // with a loss scale in any precision, for devices without f16
};

using Content = std::map<std::string, std::vector<std::byte>>;

// ResNet-20 on batches that are functions of their number.
class ResnetStep {
 public:
  ResnetStep(Device& device, const StepSettings& settings) : device_(device) {
    Trace trace(state_,
                {.precision = settings.precision, .fast_sums = settings.fast, .moments = moments_of(device)});
    const Model& model = find_model("resnet20");
    if (settings.scaled)
      trace_scaled(trace);
    else
      trace_training_step(trace, model, 10, {.batch = batch, .precision = settings.precision}, device.kind());
    plan_ = std::make_unique<Plan>(std::move(trace));
    plan_->compile(device);
  }

  void run(int number) {
    upload(number);
    plan_->run(device_.stream());
  }
  void run(int number, Observer& observer) {
    upload(number);
    plan_->run(device_.stream(), observer);
  }

  float loss() const { return number((*plan_)["loss"]); }
  float scale() const { return number(state_.find("loss_scale")->tensor); }
  void set_scale(float scale) { device_.upload(state_.find("loss_scale")->tensor, &scale, device_.stream()); }

  // All that outlives a step.
  Content content() const {
    Content all;
    for (const State::Entry& entry : state_.entries()) {
      all[entry.name] = bytes_of(entry.tensor);
      if (entry.working) all[entry.name + ", in 16 bits"] = bytes_of(entry.working);
    }
    return all;
  }

 private:
  static void trace_scaled(Trace& trace) {
    const Value images = trace.input("images", {{batch, 32, 32, 3}, matrix_type(trace.settings().precision)});
    const Value labels = trace.input("labels", {{batch, 1, 1, 1}, DType::i32});
    const Value loss = softmax_cross_entropy(resnet20(images, 10), labels);
    trace.output("loss", loss);
    trace.loss("scaled_loss", loss * loss_scale(trace));
    const Value factor = update_loss_scale(trace);
    update_statistics(trace, factor);
    sgd(trace, trace.input("rate", {{1, 1, 1, 1}}), {}, factor);
  }

  // The channels that padded images have more are zero.
  void upload(int number) {
    const Tensor images = (*plan_)["images"];
    const Numbers numbers = random_numbers(concat("resnet/images", number), images.shape().count(), -1, 2);
    std::vector<std::byte> pixels(bytes(images.spec));
    for (size_t i = 0; i < numbers.size(); ++i)
      set_number(pixels.data(), images.spec.dtype, i,
                 static_cast<int>(i) % images.shape().c < 3 ? numbers[i] : 0);
    std::vector<int32_t> classes;
    for (const double u : random_numbers(concat("resnet/labels", number), batch, 0, 10))
      classes.push_back(static_cast<int32_t>(u));
    const float rate = 0.01F;
    device_.upload(images, pixels.data(), device_.stream());
    device_.upload((*plan_)["labels"], classes.data(), device_.stream());
    device_.upload((*plan_)["rate"], &rate, device_.stream());
  }

  float number(const Tensor& tensor) const {
    float value = 0;
    device_.download(tensor, &value, device_.stream());
    return value;
  }
  std::vector<std::byte> bytes_of(const Tensor& tensor) const {
    std::vector<std::byte> content(bytes(tensor.spec));
    device_.download(tensor, content.data(), device_.stream());
    return content;
  }

  Device& device_;
  State state_{1};
  std::unique_ptr<Plan> plan_;
};

std::vector<std::string> differences(const Content& one, const Content& other) {
  std::vector<std::string> names;
  for (const auto& [name, values] : one)
    if (other.at(name) != values) names.push_back(name);
  return names;
}

using Names = std::vector<std::string>;

// Thirty halvings bring a scale of 2^40 back to 1024, which f16 holds; an infinite one stays.
void expect_overflow_counts_for_nothing(Device& device, const StepSettings& settings) {
  const bool f16 = settings.precision == Precision::f16;
  ResnetStep step(device, settings);
  step.set_scale(1024);
  for (int number = 0; number < 4; ++number) step.run(number);
  EXPECT_EQ(step.scale(), 1024) << "no step before has overflown";
  const float huge = f16 ? 0x1p40F : std::numeric_limits<float>::infinity();
  const Content before = step.content();
  step.set_scale(huge);
  step.run(4);
  EXPECT_EQ(step.scale(), huge / 2);
  const Content after = step.content();
  EXPECT_EQ(differences(before, after), (Names{"loss_scale", "loss_scale.factor", "loss_scale.steps"}));
  EXPECT_TRUE(std::isfinite(step.loss()));

  if (!f16) step.set_scale(1024);
  for (int number = 5; number < (f16 ? 50 : 7); ++number) {
    step.run(number);
    EXPECT_TRUE(std::isfinite(step.loss())) << "step " << number;
  }
  const Names changed = differences(after, step.content());
  EXPECT_EQ(changed.size(), after.size()) << "these alone: " << join(changed, ", ");
}

// Recorded, unrecorded and recorded again.
void expect_the_same_bits(Device& device, Precision precision) {
  const auto content_after = [&](bool recorded) {
    ResnetStep step(device, {.precision = precision});
    Observer nobody;
    for (int number = 0; number < 3; ++number) recorded ? step.run(number) : step.run(number, nobody);
    EXPECT_TRUE(std::isfinite(step.loss()));
    return step.content();
  };
  const Content recorded = content_after(true);
  EXPECT_EQ(differences(recorded, content_after(false)), Names{}) << "unrecorded, " << to_string(precision);
  EXPECT_EQ(differences(recorded, content_after(true)), Names{}) << "again, " << to_string(precision);
}

void expect_check_finds_nothing(Device& device, Precision precision) {
  const auto cpu = open_cpu();
  ResnetStep step(device, {.precision = precision});
  if (precision == Precision::f16) step.set_scale(1024);
  Check check(device, *cpu);
  for (int number = 0; number < 2; ++number) EXPECT_NO_THROW(step.run(number, check)) << to_string(precision);
  EXPECT_GT(check.steps(), 2 * 2 * 40) << "a convolution and a norm in each of 20 layers, both ways";
}

}  // namespace

TEST(ResnetStep, ThatOverflowsCountsForNothing) {
  expect_overflow_counts_for_nothing(*open_cpu(), {.precision = Precision::bf16, .scaled = true});
}

TEST(ResnetStep, GivesTheSameBitsRecordedOrNotAndAgain) {
  expect_the_same_bits(*open_cpu(), Precision::bf16);
}

TEST(ResnetStep, IsRightInACheckRun) { expect_check_finds_nothing(*open_cpu(), Precision::bf16); }

TEST(GpuResnetStep, ThatOverflowsCountsForNothing) {
  DLFS_NEEDS_GPU(gpu);
  expect_overflow_counts_for_nothing(*gpu, {.precision = Precision::f16});
}

TEST(GpuResnetStep, GivesTheSameBitsRecordedOrNotAndAgain) {
  DLFS_NEEDS_GPU(gpu);
  for (const Precision precision : {Precision::f16, Precision::bf16}) expect_the_same_bits(*gpu, precision);
}

TEST(GpuResnetStep, IsRightInACheckRun) {
  DLFS_NEEDS_GPU(gpu);
  for (const Precision precision : {Precision::f16, Precision::bf16})
    expect_check_finds_nothing(*gpu, precision);
}

TEST(GpuResnetStep, LearnsTheSameInFastMode) {
  DLFS_NEEDS_GPU(gpu);
  ResnetStep fast(*gpu, {.precision = Precision::f16, .fast = true}),
      exact(*gpu, {.precision = Precision::f16});
  for (int number = 0; number < 10; ++number) {
    fast.run(number);
    exact.run(number);
    EXPECT_NEAR(fast.loss(), exact.loss(), 0.02 * exact.loss()) << "step " << number;
  }
}

}  // namespace dlfs::testing
