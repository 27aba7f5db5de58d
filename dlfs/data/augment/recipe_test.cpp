#include "dlfs/data/augment/recipe.h"

#include <gtest/gtest.h>

#include <limits>

#include "dlfs/base/error.h"
#include "dlfs/testing/augment.h"
#include "dlfs/testing/error.h"

namespace dlfs::testing {
namespace {

void refused(std::vector<Transform> transforms, const std::string& sentence, int channels = 3) {
  const Recipe recipe = recipe_of({224, 224}, channels, std::move(transforms));
  expect_error<UsageError>([&] { refuse_nonsense(recipe); }, sentence);
}

const Stretch whole{{224, 224}};

TEST(Recipe, IsTakenWhereItMakesSense) {
  const std::vector<std::vector<Transform>> good = {
      {whole},
      {RandomResizedCrop{.to = {224, 224}}, RandomFlip{}, ColourJitter{.brightness = 0.4F, .hue = 0.1F},
       RandomErase{}},
      {ShortestEdge{{150, 180}, 224}},
      {RandomFlip{}, IouCrop{}, ZoomOut{}, Letterbox{{224, 200}}},
      {CenterCrop{{56, 56}}, ZoomOut{.most = 4}},
      {Mosaic{.to = {224, 224}, .probability = 0.5F}, RandomAffine{.degrees = 10}, CenterCrop{{224, 224}},
       Mixup{}},
  };
  for (const auto& transforms : good)
    EXPECT_EQ(error_of([&] { refuse_nonsense(recipe_of({224, 224}, 3, transforms)); }), "no error");
}

TEST(Recipe, IsRefusedWhereSettingsAreOutOfRange) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  refused({Stretch{{0, 10}}}, "[Stretch] to is 0 x 10, but sides are from 1 to 16384");
  refused({ShortestEdge{{}, 224}}, "[ShortestEdge] lengths are none, but at least one is needed");
  refused({ShortestEdge{{800, 0}, 224}}, "[ShortestEdge] lengths is 0, but must be from 1 to 16384");
  refused({whole, RandomFlip{.horizontal = 2}}, "[RandomFlip] horizontal is 2, but must be from 0 to 1");
  refused({whole, RandomFlip{.vertical = nan}}, "[RandomFlip] vertical is nan, but must be from 0 to 1");
  refused({RandomCrop{{224, 224}, -1}}, "[RandomCrop] pad is -1, but must be from 0 to 16384");
  refused({RandomResizedCrop{.to = {224, 224}, .least_area = 0.5F, .most_area = 0.25F}},
          "[RandomResizedCrop] most_area is 0.25, but must be from 0.5 to 1");
  refused({IouCrop{.trials = 0}, whole}, "[IouCrop] trials is 0, but must be from 1 to 1000");
  refused({ZoomOut{.most = 0.5F}, whole}, "[ZoomOut] most is 0.5, but must be from 1 to 16");
  refused({whole, RandomAffine{.shear = 90}}, "[RandomAffine] shear is 90, but must be from 0 to 80");
  refused({whole, Mixup{.alpha = 0}}, "[Mixup] alpha is 0, but must be from 0.01 to 100");
  refused({whole, RandomErase{.least_aspect = 2}},
          "[RandomErase] least_aspect is 2, but must be from 0.01 to 1");
}

TEST(Recipe, IsRefusedWhereTransformsDoNotFitTogether) {
  refused({RandomFlip{}},
          "[recipe] no transform gives images a size of their own: add a Stretch, Letterbox or crop, or a "
          "ShortestEdge");
  refused({Stretch{{225, 224}}}, "[recipe] images may grow to 225 x 224, but the slot is 224 x 224");
  refused({CenterCrop{{100, 50}}, ZoomOut{.most = 3}},
          "[recipe] images may grow to 300 x 150, but the slot is 224 x 224");
  refused({ShortestEdge{{150}, 300}}, "[recipe] images may grow to 300 x 300, but the slot is 224 x 224");
  refused({Letterbox{{300, 300}}, Mosaic{.to = {224, 224}, .probability = 0.5F}},
          "[recipe] images may grow to 300 x 300, but the slot is 224 x 224");
  refused({RandomErase{}, whole},
          "[Stretch] comes after RandomErase, whose rectangle would not follow: put RandomErase last");
  refused({whole, Mixup{}, Mixup{}}, "[Mixup] stands twice in the recipe: a sample has two labels at most");
  refused({whole, RandomAffine{}, RandomAffine{}},
          "[RandomAffine] stands twice in the recipe: a canvas that was turned cannot be turned again");
  refused({whole, ColourJitter{.hue = 0.1F}},
          "[ColourJitter] saturation and hue are of colours, but the recipe has 1 channel", 1);
  refused({whole}, "[recipe] 2 channels, but images have 1 or 3", 2);
  refused({whole}, "[recipe] channels is 4, but must be from 1 to 3", 4);
}

}  // namespace
}  // namespace dlfs::testing
