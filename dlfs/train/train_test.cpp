#include "dlfs/train/train.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "dlfs/cpu/cpu_device.h"
#include "dlfs/tensor/half.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/small_data.h"

namespace dlfs {
namespace {

using testing::expect_error;

TrainData small_data(const testing::SmallData& data = {}) {
  const auto train = testing::small_source(data, Split::train);
  return {train, testing::small_source(data, Split::test), pixel_statistics(*train, find_model("lenet"))};
}

struct Listener : Hook {
  void after_step(const StepEvent& event) override { steps.push_back(event); }
  void after_epoch(const EpochEvent& event) override { epochs.push_back(event); }
  std::vector<StepEvent> steps;
  std::vector<EpochEvent> epochs;
};

TEST(Train, TellsItsHooksOfEveryStepAndEpoch) {
  const TrainData data = small_data();
  const auto cpu = open_cpu();
  State state(1);
  Listener heard;
  const TrainResult result =
      train(*cpu, state, find_model("lenet"), data, {.epochs = 3, .batch = 50, .rate = 0.03F}, {&heard});
  ASSERT_EQ(heard.steps.size(), 6U) << "128 images are 2 batches of 50; 28 wait for another epoch";
  for (size_t i = 0; i < heard.steps.size(); ++i) {
    EXPECT_EQ(heard.steps[i].step, static_cast<int64_t>(i) + 1);
    EXPECT_EQ(heard.steps[i].steps, 6);
    EXPECT_EQ(heard.steps[i].epoch, static_cast<int>(i) / 2 + 1);
    EXPECT_EQ(heard.steps[i].rate, cosine_rate(0.03F, static_cast<int64_t>(i), 6));
    EXPECT_EQ(heard.steps[i].loss.has_value(), i % 2 == 1) << "the last loss of an epoch is read";
  }
  ASSERT_EQ(heard.epochs.size(), 3U);
  EXPECT_EQ(heard.epochs[2].correct, result.correct);
  EXPECT_EQ(result.count, 64);
  EXPECT_EQ(count_correct(result.predictions, *data.test), result.correct);
}

TEST(Train, LearnsTheSmallDataWithEveryOptimizer) {
  const TrainData data = small_data();
  const auto cpu = open_cpu();
  for (const Optimizer optimizer : {Optimizer::sgd, Optimizer::adam, Optimizer::adamw, Optimizer::lars}) {
    State state(1);
    TrainSettings settings = usual_settings(optimizer);
    settings.epochs = 12;
    settings.batch = 32;
    const TrainResult result = train(*cpu, state, find_model("lenet"), data, settings, {});
    EXPECT_GE(result.correct, 60) << to_string(optimizer) << " of " << result.count;
    EXPECT_EQ(state.find("conv1.weight.momentum") != nullptr,
              optimizer == Optimizer::sgd || optimizer == Optimizer::lars);
  }
}

TEST(Train, TracesTheOptimizerThatWasAskedFor) {
  const auto update = [](const TrainSettings& settings) {
    State state(1);
    Trace trace(state);
    trace_training_step(trace, find_model("lenet"), 10, settings);
    const Function& function = *trace.graph().updates.at(0).function;
    return function.name() + function.settings();
  };
  EXPECT_EQ(update({}), R"(sgd{"momentum": 0.9, "weight_decay": 0.001, "nesterov": false})");
  EXPECT_EQ(update(usual_settings(Optimizer::adam)),
            R"(adam{"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-08, "weight_decay": 0, "decoupled": false})");
  EXPECT_EQ(
      update(usual_settings(Optimizer::adamw)),
      R"(adam{"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-08, "weight_decay": 0.01, "decoupled": true})");
}

// The weights of a net after some steps, each of `accumulate` runs, on the same 32 images a step.
std::map<std::string, std::vector<float>> weights_after(int steps, const TrainSettings& settings) {
  const auto cpu = open_cpu();
  const Shape& one = find_model("lenet").input;
  State state(3);
  Trace trace(state, {.precision = settings.precision});
  trace_training_step(trace, find_model("lenet"), 10, settings);
  Plan plan(std::move(trace));
  plan.compile(*cpu);
  const float rate = 0.05F;
  cpu->upload(plan["rate"], &rate, cpu->stream());
  const LabelledImages images = testing::small_images({}, Split::train);
  for (int run = 0; run < steps * settings.accumulate; ++run) {
    std::vector<float> pixels;
    std::vector<int32_t> labels;
    for (int i = 0; i < settings.batch; ++i) {
      const int64_t image = (run * settings.batch + i) % images.count;
      labels.push_back(images.labels[static_cast<size_t>(image)]);
      for (int64_t k = 0; k < one.count(); ++k)
        pixels.push_back(images.pixels[static_cast<size_t>(image * one.count() + k)] / 255.0F);
    }
    cpu->upload(plan["images"], pixels.data(), cpu->stream());
    cpu->upload(plan["labels"], labels.data(), cpu->stream());
    plan.run(cpu->stream());
  }
  std::map<std::string, std::vector<float>> weights;
  for (const State::Entry& entry : state.entries()) {
    if (entry.role != Role::parameter) continue;
    std::vector<float>& values = weights[entry.name];
    values.resize(static_cast<size_t>(entry.spec.shape.count()));
    cpu->download(entry.tensor, values.data(), cpu->stream());
  }
  return weights;
}

TEST(Train, MicroBatchesMakeTheStepOfALargeBatch) {
  for (const Optimizer optimizer : {Optimizer::sgd, Optimizer::lars}) {
    const auto of = [&](int batch, int accumulate) {
      return weights_after(3, {.batch = batch, .optimizer = optimizer, .accumulate = accumulate});
    };
    const auto whole = of(32, 1), parts = of(8, 4), other = of(8, 1);
    for (const auto& [name, values] : whole) {
      double error = 0, difference = 0, largest = 0;
      for (size_t i = 0; i < values.size(); ++i) {
        largest = std::max<double>(largest, std::abs(values[i]));
        error = std::max<double>(error, std::abs(values[i] - parts.at(name)[i]));
        difference = std::max<double>(difference, std::abs(values[i] - other.at(name)[i]));
      }
      EXPECT_LT(error, 2e-6 * largest) << name << " with " << to_string(optimizer);
      EXPECT_GT(difference, 1e-4 * largest) << name;
    }
  }
}

TEST(Train, LearnsTheSmallDataInBf16AndInMicroBatches) {
  const TrainData data = small_data();
  const auto cpu = open_cpu();
  State state(1);
  const TrainSettings settings{.epochs = 12,
                               .batch = 8,
                               .schedule = {.warmup = 1},
                               .nesterov = true,
                               .label_smoothing = 0.1F,
                               .accumulate = 4,
                               .precision = Precision::bf16};
  Listener heard;
  const TrainResult result = train(*cpu, state, find_model("lenet"), data, settings, {&heard});
  EXPECT_GE(result.correct, 60) << "of " << result.count;
  for (size_t i = 0; i < heard.steps.size(); ++i)
    EXPECT_EQ(heard.steps[i].rate, heard.steps[i - i % 4].rate) << "one rate for each step of the weights";
  const State::Entry& weight = *state.find("conv1.weight");
  EXPECT_EQ(weight.working.spec.dtype, DType::bf16);
  std::vector<float> master(static_cast<size_t>(weight.spec.shape.count()));
  std::vector<Bf16> copy(master.size());
  cpu->download(weight.tensor, master.data(), cpu->stream());
  cpu->download(weight.working, copy.data(), cpu->stream());
  for (size_t i = 0; i < copy.size(); ++i) EXPECT_EQ(copy[i].bits, Bf16(master[i]).bits);
}

TEST(Train, RefusesALossThatIsNoNumber) {
  const TrainData data = small_data();
  const auto cpu = open_cpu();
  State state(1);
  expect_error<Error>(
      [&] { train(*cpu, state, find_model("lenet"), data, {.epochs = 1, .rate = 1e9F}, {}); },
      "[train] the loss is NaN at step 2; a lower --lr may help, --watch names the first value that went "
      "wrong");
}

TEST(Train, RefusesWhatDoesNotGoTogether) {
  const Model& lenet = find_model("lenet");
  const TrainData good = small_data(), more = small_data({.test_classes = 12});
  expect_error<UsageError>([&] { refuse_nonsense(lenet, more, {}); },
                           "[train] the label of image 10 is 10, but there are 10 classes, 0 to 9");
  for (const int batch : {0, 129})
    expect_error<UsageError>(
        [&] { refuse_nonsense(lenet, good, {.batch = batch}); },
        concat("[train] a batch of ", batch, " is not between 1 and the 128 training images"));
  refuse_nonsense(lenet, good, {.batch = 128});
  const auto fault = [&](const TrainSettings& settings) {
    return testing::error_of([&] { refuse_nonsense(lenet, good, settings); });
  };
  EXPECT_EQ(fault({.batch = 64, .accumulate = 3}),
            "[train] a step of 3 batches of 64 is not between 1 and the 128 training images");
  EXPECT_EQ(fault({.epochs = 2, .schedule = {.warmup = 2.5F}}),
            "[train] a warmup of 2.5 epochs is longer than the run of 2");
  EXPECT_EQ(fault({.momentum = 0, .nesterov = true}),
            "[train] nesterov needs sgd and a momentum above 0, but the optimizer is sgd and the momentum 0");
  Model narrow = lenet;
  narrow.test_resize = 27;
  expect_error<UsageError>([&] { refuse_nonsense(narrow, good, {}); },
                           "[train] --test-resize is 27, but the middle that lenet takes is 28 pixels wide");
}

TEST(SlowTraining, LeNetLearnsFashionMnistInTwoEpochs) {
  const std::string folder = "/usr/share/datasets/fashion-mnist";
  if (!std::filesystem::is_directory(folder))
    GTEST_SKIP() << "needs " << folder << ", of Debian's package dataset-fashion-mnist";
  const std::vector<std::string> classes = class_names(folder, 10);
  const auto learnt = std::make_shared<const MemorySource>(read_idx(folder, Split::train), classes),
             test = std::make_shared<const MemorySource>(read_idx(folder, Split::test), classes);
  const auto cpu = open_cpu();
  State state(1);
  const Model& lenet = find_model("lenet");
  const TrainResult result =
      train(*cpu, state, lenet, {learnt, test, pixel_statistics(*learnt, lenet)}, {.epochs = 2}, {});
  EXPECT_GE(static_cast<double>(result.correct) / static_cast<double>(result.count), 0.86);
}

}  // namespace
}  // namespace dlfs
