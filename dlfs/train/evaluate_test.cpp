#include "dlfs/train/evaluate.h"

#include <gtest/gtest.h>

#include <limits>

#include "dlfs/cpu/cpu_device.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/small_data.h"

namespace dlfs {
namespace {

// Image `index` alone.
std::shared_ptr<const MemorySource> one_of(const LabelledImages& all, int index) {
  const auto size = static_cast<ptrdiff_t>(all.height) * all.width;
  const auto first = all.pixels.begin() + index * size;
  return std::make_shared<const MemorySource>(LabelledImages{.count = 1,
                                                             .height = all.height,
                                                             .width = all.width,
                                                             .pixels = {first, first + size},
                                                             .labels = {all.labels[index]}},
                                              std::vector<std::string>(10));
}

TEST(Evaluate, ARemainingBatchEqualsOneByOne) {
  const auto source = testing::small_source({.tests = 253}, Split::test);  // 250 and 3
  const LabelledImages& images = source->images();
  const auto cpu = open_cpu();
  State state(1);
  const Model& lenet = find_model("lenet");
  Evaluator evaluator(*cpu, state, lenet, 10, Precision::f32, pixel_statistics(*source, lenet));
  const std::vector<Prediction> together = evaluator.predict(source);
  ASSERT_EQ(together.size(), 253U);
  int64_t correct = 0;
  for (int i = 0; i < images.count; ++i) {
    const auto one = one_of(images, i);
    const std::vector<Prediction> alone = evaluator.predict(one);
    ASSERT_EQ(alone.size(), 1U);
    EXPECT_EQ(alone[0].label, together[i].label) << i;
    EXPECT_NEAR(alone[0].probability, together[i].probability, 1e-5) << i;
    correct += count_correct(alone, *one);
  }
  EXPECT_EQ(count_correct(together, *source), correct);
}

TEST(Evaluate, CountsWhatIsRight) {
  const MemorySource images({.count = 3, .height = 1, .width = 1, .pixels = {0, 0, 0}, .labels = {1, 2, 3}},
                            std::vector<std::string>(4));
  EXPECT_EQ(count_correct({{.label = 1}, {.label = 0}, {.label = 3}}, images), 2);
  EXPECT_EQ(count_correct({{.label = 1}, {.label = -1}, {.label = 3}}, images), 2)
      << "what was not read is not right";
}

TEST(Evaluate, RefusesAModelThatGivesNoNumbers) {
  const auto images = testing::small_source({.tests = 2}, Split::test);
  const auto cpu = open_cpu();
  State state(1);
  Evaluator evaluator(*cpu, state, find_model("lenet"), 10, Precision::f32, {.mean = {0}, .deviation = {1}});
  evaluator.predict(images);
  const std::vector<float> none(10, std::numeric_limits<float>::quiet_NaN());
  cpu->upload(state.find("fc2.bias")->tensor, none.data(), cpu->stream());
  testing::expect_error<Error>([&] { evaluator.predict(images); },
                               "[evaluate] the model gives NaN; its weights are of no use");
}

}  // namespace
}  // namespace dlfs
