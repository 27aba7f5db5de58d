#include "dlfs/data/picture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <vector>

#include "dlfs/data/font.h"

namespace dlfs {
namespace {

constexpr Color white = {255, 255, 255}, black = {0, 0, 0};

bool operator==(Color a, Color b) { return a.red == b.red && a.green == b.green && a.blue == b.blue; }

// How much ink lies on a white picture, in pixels.
double ink(const Picture& picture) {
  double sum = 0;
  for (const uint8_t value : picture.pixels()) sum += (255 - value) / (3 * 255.0);
  return sum;
}

TEST(Font, HasADifferentLetterForEachCharacter) {
  std::set<std::array<uint8_t, Glyph::rows>> seen;
  for (char character = '!'; character <= '~'; ++character) {
    const Glyph& letter = glyph(character);
    EXPECT_TRUE(seen.insert(letter.bits).second || character == 'O') << character;  // O is 0
    bool widest = false;
    for (int row = 0; row < Glyph::rows; ++row) {
      EXPECT_EQ(letter.bits[row] & ((1 << (5 - letter.width)) - 1), 0)
          << character << " is wider than it says";
      widest = widest || letter.at(letter.width - 1, row);
    }
    EXPECT_TRUE(widest || character == '-' || character == '1') << character << " is narrower than it says";
  }
  EXPECT_EQ(glyph('\n').bits, glyph('?').bits);
  EXPECT_EQ(glyph('\xFF').bits, glyph('?').bits);
}

TEST(Picture, FillsABoxAndCutsOffTheRest) {
  Picture picture({.width = 8, .height = 6}, white);
  picture.fill({.x = 6, .y = 4, .width = 9, .height = 9}, {.color = {10, 20, 30}});
  EXPECT_TRUE(picture.at(6, 4) == (Color{10, 20, 30}));
  EXPECT_TRUE(picture.at(7, 5) == (Color{10, 20, 30}));
  EXPECT_TRUE(picture.at(5, 4) == white);
  picture.fill({.x = -3, .y = -3, .width = 4, .height = 4}, {.color = black, .opacity = 0.5F});
  EXPECT_TRUE(picture.at(0, 0) == (Color{128, 128, 128}));
  EXPECT_TRUE(picture.at(1, 1) == white);
}

TEST(Picture, StrokesCoverTheirLengthTimesTheirWidth) {
  for (const Point end : {Point{80, 50}, Point{80, 11}, Point{20, 80}}) {
    Picture picture({.width = 100, .height = 100}, white);
    const std::array line = {Point{20, 10}, end};
    picture.stroke(line, {.color = black, .width = 3});
    const double expected = 3 * std::hypot(end.x - 20, end.y - 10) + 2.25 * M_PI;  // and its round ends
    EXPECT_NEAR(ink(picture), expected, 0.02 * expected);
  }
}

TEST(Picture, StrokesCoverNoPointTwice) {
  Picture once({.width = 40, .height = 40}, white), twice({.width = 40, .height = 40}, white);
  const std::array line = {Point{5, 5}, Point{30, 20}};
  const std::array there_and_back = {Point{5, 5}, Point{30, 20}, Point{5, 5}};
  once.stroke(line, {.color = black, .opacity = 0.5F});
  twice.stroke(there_and_back, {.color = black, .opacity = 0.5F});
  EXPECT_TRUE(std::ranges::equal(once.pixels(), twice.pixels()));
}

TEST(Picture, StrokesMayLeaveIt) {
  Picture picture({.width = 10, .height = 10}, white);
  picture.stroke(std::array{Point{-1e9F, 5}, Point{1e9F, 5}}, {.color = black, .width = 2});
  EXPECT_NEAR(ink(picture), 20, 1);
  picture.stroke({}, {.color = black});
}

TEST(Picture, WritesLettersAsTheFontHasThem) {
  Picture picture({.width = 30, .height = 30}, white);
  picture.text({3, 4}, "E", {.color = black, .scale = 1});
  for (int row = -1; row <= Glyph::rows; ++row) {
    for (int column = -1; column <= 5; ++column) {
      EXPECT_EQ(picture.at(3 + column, 4 + row) == black, glyph('E').at(column, row))
          << column << ", " << row;
    }
  }
}

TEST(Picture, CutsOffLettersAtItsEdges) {
  Picture picture({.width = 10, .height = 10}, white);
  picture.text({-4, 0}, "-", {.color = black});  // half of it on the left of the picture
  EXPECT_TRUE(picture.at(0, 6) == black);
  EXPECT_TRUE(picture.at(9, 6) == white);
  EXPECT_TRUE(picture.at(9, 5) == white);
  picture.text({-1000, 0}, "dlfs", {.color = black});
  picture.text({0, 1000}, "dlfs", {.color = black});
  EXPECT_NEAR(ink(picture), 4 * 2, 0.01);
}

TEST(Picture, AlignsText) {
  EXPECT_EQ(text_width("I", 2), 6);
  EXPECT_EQ(text_width("II", 2), 14);
  EXPECT_EQ(text_width("", 2), 0);
  Picture left({.width = 60, .height = 20}, white), center = left, right = left;
  left.text({10, 2}, "dlfs", {.color = black});
  center.text({10 + text_width("dlfs", 2) / 2, 2}, "dlfs", {.color = black, .align = Align::center});
  right.text({10 + text_width("dlfs", 2), 2}, "dlfs", {.color = black, .align = Align::right});
  EXPECT_GT(ink(left), 50);
  EXPECT_TRUE(std::ranges::equal(left.pixels(), center.pixels()));
  EXPECT_TRUE(std::ranges::equal(left.pixels(), right.pixels()));
}

TEST(Picture, EnlargesAnImage) {
  Picture picture({.width = 10, .height = 10}, white);
  const std::array<uint8_t, 2> pixels = {0, 100};
  picture.blit({.x = 1, .y = 2}, {.size = {.width = 2, .height = 1}, .pixels = pixels}, 3);
  EXPECT_TRUE(picture.at(1, 2) == black);
  EXPECT_TRUE(picture.at(3, 4) == black);
  EXPECT_TRUE(picture.at(4, 2) == (Color{100, 100, 100}));
  EXPECT_TRUE(picture.at(6, 4) == (Color{100, 100, 100}));
  EXPECT_TRUE(picture.at(7, 4) == white);
  EXPECT_TRUE(picture.at(1, 5) == white);
}

}  // namespace
}  // namespace dlfs
