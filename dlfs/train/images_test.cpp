#include "dlfs/train/images.h"

#include <gtest/gtest.h>

#include "dlfs/testing/error.h"
#include "dlfs/testing/small_data.h"

namespace dlfs::testing {
namespace {

TEST(AugmentWords, SayWhatHappensToImages) {
  EXPECT_EQ(to_string(parse_augment("none")), "none");
  EXPECT_EQ(to_string(parse_augment("erase,flip,crop=2,colour=0.5")), "flip,crop=2,colour=0.5,erase=0.25");
}

TEST(AugmentWords, ThatAreNoneAreNamed) {
  const auto fault = [](const std::string& words) { return error_of([&] { parse_augment(words); }); };
  const std::string known =
      ", but can be none, or some of flip, crop=PIXELS, resized, colour=0.4, erase=0.25";
  for (const std::string word : {"color=0.4", "zoom", " crop=4", "none"})
    EXPECT_EQ(fault("flip," + word), concat("[dlfs] --augment has ", word, known));
  EXPECT_EQ(fault(""), "[dlfs] --augment has an empty word" + known);
  EXPECT_EQ(fault("flip=1"), "[dlfs] --augment has flip=1, but flip takes no number");
  EXPECT_EQ(fault("erase=2"), "[dlfs] --augment has erase=2, but the number must be above 0 and at most 1");
}

TEST(ModelsFor, MnistsFilesTakeThemAsTheyAre) {
  const auto source = small_source({.height = 20, .width = 24}, Split::train);
  const Model gray = model_for(find_model("resnet20"), *source);
  EXPECT_EQ(gray.input, (Shape{1, 20, 24, 1}));
  EXPECT_EQ(gray.stem, Stem::plain) << "gray images have no other form";
  EXPECT_EQ(model_for(find_model("small_cnn"), *source).input, (Shape{1, 32, 32, 3}));
}

TEST(ModelsFor, OtherSizesKeepTheFormThatTheyCanHave) {
  const Model& resnet = find_model("resnet50");
  EXPECT_EQ(with_input(resnet, {1, 160, 128, 3}).stem, Stem::blocks);
  EXPECT_EQ(with_input(resnet, {1, 161, 128, 3}).stem, Stem::plain);
  EXPECT_EQ(with_input(find_model("resnet20"), {1, 33, 33, 3}).stem, Stem::padded);
}

TEST(TestImages, AreStretchedOrShowTheMiddle) {
  const auto source = small_source({.height = 30, .width = 60}, Split::test);
  Model lenet = find_model("lenet");
  const auto scale_and_corner = [&](const Recipe& recipe) {
    refuse_nonsense(recipe);
    const Affine map = draw(recipe, *source, 0, 0).parts.at(0).to_source;
    return std::vector<double>{map.a, map.e, map.c, map.f};
  };
  EXPECT_EQ(scale_and_corner(evaluation_recipe(lenet)), (std::vector<double>{60 / 28.0, 30 / 28.0, 0, 0}));
  lenet.test_resize = 32;  // 64 x 32, of which the middle 28 x 28 begins at (18, 2)
  EXPECT_EQ(scale_and_corner(evaluation_recipe(lenet)),
            (std::vector<double>{60 / 64.0, 30 / 32.0, 18 * 60 / 64.0, 2 * 30 / 32.0}));
}

}  // namespace
}  // namespace dlfs::testing
