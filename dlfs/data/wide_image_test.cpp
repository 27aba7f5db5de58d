// What people's images become: PGM, the choice by content, gray and colour, other sizes. PNG is in png_test.cpp.
#include "dlfs/data/wide_image.h"

#include <gtest/gtest.h>

#include <array>
#include <functional>

#include "dlfs/base/error.h"
#include "dlfs/data/codec/pgm.h"
#include "dlfs/data/codec/png.h"
#include "dlfs/testing/folder.h"

namespace dlfs::testing {
namespace {

using Samples = std::vector<uint16_t>;

WideImage pgm(std::string_view text) { return decode_pgm(std::as_bytes(std::span(text)), "a.pgm"); }

std::string refusal(const std::function<void()>& read) {
  try {
    read();
    return "";
  } catch (const FileError& error) {
    return error.what();
  }
}

void expect_refused(const std::string& text, const std::string& fact) {
  EXPECT_EQ(refusal([&] { pgm(text); }), "[pgm] a.pgm: " + fact) << text;
}

TEST(Pgm, ReadsTextAndBytesOfAnyMaximum) {
  const WideImage text = pgm("P2\n# made by hand\n3 2 # wide and high\n4\n0 1 2\n3 4 0\n");
  EXPECT_EQ(text.size.width, 3);
  EXPECT_EQ(text.size.height, 2);
  EXPECT_EQ(text.channels, 1);
  EXPECT_EQ(text.samples, (Samples{0, 16384, 32768, 49151, 65535, 0}));
  EXPECT_EQ(pgm(std::string("P5 2 1 255\n\0\x80", 13)).samples, (Samples{0, 128 * 257}));
  EXPECT_EQ(pgm(std::string("P5\n2\n1\n65535\n\x01\x02\xFF\xFE", 17)).samples, (Samples{0x0102, 0xFFFE}));
  EXPECT_EQ(pgm("P2 1 1 1 1").samples, (Samples{65535}));
}

TEST(Pgm, RefusesWhatCannotBe) {
  expect_refused("P5", "ends before its width");
  expect_refused("P5 3", "ends before its height");
  expect_refused("P5 x 2 255 ", "its width is no number");
  expect_refused("P5 -3 2 255 ", "its width is no number");
  expect_refused("P5 99999999999999999999 2 255 ", "its width is above 67108864");
  expect_refused("P5 0 2 255 ", "declares 0 x 2 pixels, but 1 to 67108864 are read");
  expect_refused("P5 60000 60000 255 ", "declares 60000 x 60000 pixels, but 1 to 67108864 are read");
  expect_refused("P5 2 2 0 abcd", "its maximum is 0, but must be 1 to 65535");
  expect_refused("P5 2 2 65536 abcdefgh", "its maximum is above 65535");
  expect_refused("P5 2 2 255 abc", "has 4 bytes for 2 x 2 pixels, which take 5");
  expect_refused("P5 8000 8000 255 abc", "has 4 bytes for 8000 x 8000 pixels, which take 64000001");
  expect_refused("P5 2 2 255 abcde", "goes on for 1 byte after its last pixel");
  expect_refused("P5 2 1 99 Ad", "sample 2 is above 99");
  expect_refused("P2 2 1 99 5 100", "sample 2 is above 99");
  expect_refused("P2 2 1 99 5", "has 2 bytes for 2 x 1 pixels, which take 4 or more");
  expect_refused("P2 2 1 99 5555", "sample 1 is above 99");
  expect_refused("P2 2 1 99   5 ", "ends before sample 2");
  expect_refused("P2 2 1 99 5 5 5", "goes on for 1 byte after its last pixel");
  EXPECT_EQ(pgm("P2 2 1 99 5 5 # the end").samples.size(), 2U);
  EXPECT_EQ(pgm("P5 2 1 99 ab\n").samples.size(), 2U);
  expect_refused("P25 1 255 1 2 3 4 5", "no white space follows P2");
  expect_refused("P5x2 1 255 ab", "no white space follows P5");
  expect_refused("P5 2 1 255xab", "no white space follows its maximum");
  expect_refused("P5 2 2 255 ", "has 1 byte for 2 x 2 pixels, which take 5");
}

TEST(Image, IsToldByItsFirstBytes) {
  const Folder folder;
  const std::array<uint8_t, 2> pixels = {7, 9};
  const Bytes png = encode_png(GrayImage{.size = {.width = 2, .height = 1}, .pixels = pixels});
  write_file(folder / "png.txt", std::span<const std::byte>(png));
  EXPECT_EQ(read_wide_image(folder / "png.txt").samples, (Samples{7 * 257, 9 * 257}));
  write_file(folder / "pgm.png", "P2 2 1 255 7 9");
  EXPECT_EQ(read_wide_image(folder / "pgm.png").samples, (Samples{7 * 257, 9 * 257}));
  for (const char* text : {"", "P", "P6 1 1 255 abc", "\xFF\xD8\xFF", "P3 1 1 1 1 1 1"}) {
    write_file(folder / "other", text);
    EXPECT_EQ(refusal([&] { read_wide_image(folder / "other"); }),
              "[image] " + folder / "other" + ": is neither PNG nor PGM (P2, P5)");
  }
  EXPECT_EQ(refusal([&] { read_wide_image(folder / "none"); }),
            "[file] " + folder / "none" + ": cannot read: No such file or directory");
}

// The numbers that a model sees of pixels of 8 bits are those that training saw: p / 255, to the last bit.
TEST(Image, KeepsBytesToTheLastBit) {
  WideImage image{.size = {16, 16}, .channels = 1, .samples = {}};
  for (int i = 0; i < 256; ++i) image.samples.push_back(static_cast<uint16_t>(257 * i));
  const std::vector<float> values = convert(image, {.size = {16, 16}, .channels = 1});
  for (int i = 0; i < 256; ++i) EXPECT_EQ(values[i], static_cast<float>(i) / 255);
}

TEST(Image, TurnsColourToGrayAndGrayToThree) {
  const WideImage red_and_gray{.size = {2, 1}, .channels = 3, .samples = {65535, 0, 0, 13107, 13107, 13107}};
  const std::vector<float> gray = convert(red_and_gray, {.size = {2, 1}, .channels = 1});
  EXPECT_FLOAT_EQ(gray[0], 0.299F);
  EXPECT_FLOAT_EQ(gray[1], 0.2F);
  EXPECT_FLOAT_EQ(convert({.size = {1, 1}, .channels = 3, .samples = {0, 65535, 0}}, {{1, 1}, 1})[0], 0.587F);
  EXPECT_FLOAT_EQ(convert({.size = {1, 1}, .channels = 3, .samples = {0, 0, 65535}}, {{1, 1}, 1})[0], 0.114F);
  EXPECT_EQ(convert(red_and_gray, {{2, 1}, 3}), (std::vector<float>{1, 0, 0, 0.2F, 0.2F, 0.2F}));
  EXPECT_EQ(convert({.size = {2, 1}, .channels = 1, .samples = {0, 13107}}, {{2, 1}, 3}),
            (std::vector<float>{0, 0, 0, 0.2F, 0.2F, 0.2F}));
}

void expect_near(const std::vector<float>& found, const std::vector<float>& wanted) {
  ASSERT_EQ(found.size(), wanted.size());
  for (size_t i = 0; i < wanted.size(); ++i) EXPECT_NEAR(found[i], wanted[i], 1e-6) << "at " << i;
}

TEST(Image, ShrinksByArea) {
  // 3 x 2 to 2 x 1: a new pixel covers one and a half old ones, both rows.
  const WideImage image{.size = {3, 2}, .channels = 1, .samples = {0, 13107, 26214, 39321, 52428, 65535}};
  const auto pixel = [](double left, double middle, double right) {
    return static_cast<float>((left + middle / 2 + right) / 1.5);
  };
  expect_near(convert(image, {{2, 1}, 1}),
              {pixel((0 + 0.6) / 2, (0.2 + 0.8) / 2, 0), pixel(0, (0.2 + 0.8) / 2, (0.4 + 1) / 2)});
  // Nothing is lost or made: the mean stays.
  WideImage noise{.size = {53, 31}, .channels = 1, .samples = {}};
  double before = 0, after = 0;
  for (int i = 0; i < 53 * 31; ++i) {
    noise.samples.push_back(static_cast<uint16_t>(i * 40503U));
    before += noise.samples.back() / 65535.0 / (53 * 31);
  }
  for (const float value : convert(noise, {{28, 28}, 1})) after += value / (28 * 28);
  EXPECT_NEAR(before, after, 1e-5);
}

TEST(Image, GrowsByInterpolation) {
  const WideImage image{.size = {2, 1}, .channels = 3, .samples = {0, 65535, 13107, 65535, 0, 13107}};
  expect_near(convert(image, {{4, 1}, 3}), {0, 1, 0.2F, 0.25F, 0.75F, 0.2F, 0.75F, 0.25F, 0.2F, 1, 0, 0.2F});
  const WideImage column{.size = {1, 2}, .channels = 1, .samples = {0, 65535}};
  expect_near(convert(column, {{2, 4}, 1}), {0, 0, 0.25F, 0.25F, 0.75F, 0.75F, 1, 1});
  // Whichever side is resized first, the result is the same, and a long line takes no more than itself.
  const WideImage line{.size = {1, 1 << 24}, .channels = 1, .samples = Samples(1 << 24, 65535)};
  expect_near(convert(line, {{1 << 10, 2}, 1}), std::vector<float>(2 << 10, 1));
  // One side may shrink while the other grows.
  expect_near(convert({.size = {2, 1}, .channels = 1, .samples = {0, 65535}}, {{1, 2}, 1}), {0.5F, 0.5F});
}

}  // namespace
}  // namespace dlfs::testing
