#include "dlfs/train/charts.h"

#include <gtest/gtest.h>

#include <cmath>

#include "dlfs/base/error.h"

namespace dlfs {
namespace {

// How many pixels are of such a color, give or take what smooth edges make of it.
int count(const Picture& picture, Color color) {
  int found = 0;
  for (size_t i = 0; i < picture.pixels().size(); i += 3) {
    const uint8_t* pixel = &picture.pixels()[i];
    found +=
        std::abs(pixel[0] - color.red) + std::abs(pixel[1] - color.green) + std::abs(pixel[2] - color.blue) <
        20;
  }
  return found;
}

constexpr Color blue = {44, 103, 178}, orange = {214, 108, 30}, green = {36, 132, 72}, red = {200, 44, 44};

TEST(LearningCurve, FallsWithTheLossAndRisesWithTheAccuracy) {
  LearningCurve curve{.title = "LeNet", .losses = {}, .accuracies = {0.5F, 0.7F, 0.9F}};
  for (int step = 0; step < 1000; ++step)
    curve.losses.push_back(2 * std::exp(-static_cast<float>(step) / 200));
  const Picture picture = learning_curve(curve);
  EXPECT_EQ(picture.size().width, 900);
  EXPECT_EQ(picture.size().height, 520);
  // Where each curve is in the left and in the right part of its panel.
  const auto mean_height = [&](Color color, int from, int to) {
    double sum = 0, found = 0;
    for (int x = from; x < to; ++x) {
      for (int y = 200; y < 440; ++y) {  // below the legend
        const Color at = picture.at(x, y);
        if (at.red != color.red || at.green != color.green || at.blue != color.blue) continue;
        sum += y;
        ++found;
      }
    }
    return found > 0 ? sum / found : -1;
  };
  EXPECT_GT(mean_height(blue, 350, 430), mean_height(blue, 80, 160) + 50);
  EXPECT_GT(mean_height(orange, 630, 660), mean_height(orange, 720, 760) + 30);
}

TEST(LearningCurve, TakesWhatARunMayLeave) {
  EXPECT_EQ(count(learning_curve({.title = "", .losses = {}, .accuracies = {}}), blue), 0);
  const float infinity = INFINITY;
  for (const std::vector<float>& losses : {std::vector<float>{2.0F},
                                           {NAN, NAN},
                                           {0, 0, 0},
                                           {1, infinity, 2},
                                           {3e38F, 3e38F, 1},
                                           {-1, -2},
                                           {1e-30F, 1e-38F}}) {
    EXPECT_GT(count(learning_curve({.title = "LeNet", .losses = losses, .accuracies = {1}}), blue), 0);
  }
  for (const float accuracy : {0.0F, 1.0F}) {
    EXPECT_GT(count(learning_curve({.title = "LeNet", .losses = {}, .accuracies = {accuracy}}), orange), 30);
  }
}

TEST(PredictionSheet, IsGreenWhereRightAndRedWhereWrong) {
  const std::vector<uint8_t> pixels(3 * 4 * 4, 77);
  PredictionSheet sheet{.title = "",
                        .image = {.width = 4, .height = 4},
                        .pixels = pixels,
                        .predicted = {1, 0, 7},  // 7 has no name
                        .actual = {1, 0, 7},
                        .class_names = {"Bag", "a name that is much too long for its place"},
                        .columns = 2};
  const Picture right = prediction_sheet(sheet);
  EXPECT_GT(count(right, green), 0);
  EXPECT_EQ(count(right, red), 0);
  EXPECT_EQ(count(right, {77, 77, 77}), 3 * 12 * 12);
  sheet.actual = {0, 1, 6};
  const Picture wrong = prediction_sheet(sheet);
  EXPECT_EQ(count(wrong, green), 0);
  EXPECT_GT(count(wrong, red), 0);
  for (int y = 100; y < wrong.size().height; ++y) {  // each name stays below its own image
    for (const int x : {15, 20, wrong.size().width - 15})
      EXPECT_EQ(wrong.at(x, y).green, 255) << x << " " << y;
  }
  sheet.actual = {0};
  EXPECT_THROW(prediction_sheet(sheet), InternalError);
}

}  // namespace
}  // namespace dlfs
