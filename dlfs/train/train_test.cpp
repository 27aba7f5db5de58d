#include "dlfs/train/train.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "dlfs/cpu/cpu_device.h"
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

TEST(CosineRate, FallsFromTheRateToZero) {
  EXPECT_EQ(cosine_rate(0.03F, 0, 100), 0.03F);
  EXPECT_FLOAT_EQ(cosine_rate(0.03F, 50, 100), 0.015F);
  EXPECT_EQ(cosine_rate(0.03F, 100, 100), 0);
  for (int step = 1; step <= 100; ++step)
    EXPECT_LT(cosine_rate(0.03F, step, 100), cosine_rate(0.03F, step - 1, 100)) << step;
}

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
  for (const Optimizer optimizer : {Optimizer::sgd, Optimizer::adam, Optimizer::adamw}) {
    State state(1);
    TrainSettings settings = usual_settings(optimizer);
    settings.epochs = 12;
    settings.batch = 32;
    const TrainResult result = train(*cpu, state, find_model("lenet"), data, settings, {});
    EXPECT_GE(result.correct, 60) << to_string(optimizer) << " of " << result.count;
    EXPECT_EQ(state.find("conv1.weight.adam_v") == nullptr, optimizer == Optimizer::sgd);
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
