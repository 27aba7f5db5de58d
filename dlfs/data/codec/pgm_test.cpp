#include "dlfs/data/codec/pgm.h"

#include <gtest/gtest.h>

#include <functional>

#include "dlfs/base/error.h"

namespace dlfs::testing {
namespace {

using Pixels = std::vector<uint8_t>;

Image pgm(std::string_view text) {
  Decoded decoded;
  decode_image(std::as_bytes(std::span(text)), "a.pgm", {.channels = 1}, decoded);
  return decoded.image;
}

std::string refusal(const std::function<void()>& read) {
  try {
    read();
    return "";
  } catch (const FileError& error) {
    return error.what();
  }
}

void expect_refused(const std::string& text, const std::string& fact) {
  const std::string who = fact.substr(0, 8) == "declares" ? "image" : "pgm";
  EXPECT_EQ(refusal([&] { pgm(text); }), concat("[", who, "] a.pgm: ", fact)) << text;
}

TEST(Pgm, ReadsTextAndBytesOfAnyMaximum) {
  const Image text = pgm("P2\n# made by hand\n3 2 # wide and high\n4\n0 1 2\n3 4 0\n");
  EXPECT_EQ(text.size.width, 3);
  EXPECT_EQ(text.size.height, 2);
  EXPECT_EQ(text.channels, 1);
  EXPECT_EQ(text.pixels, (Pixels{0, 64, 128, 191, 255, 0}));
  EXPECT_EQ(pgm(std::string("P5 2 1 255\n\0\x80", 13)).pixels, (Pixels{0, 128}));
  EXPECT_EQ(pgm(std::string("P5\n2\n1\n65535\n\x01\x02\xFF\xFE", 17)).pixels, (Pixels{1, 255}));
  EXPECT_EQ(pgm("P2 1 1 1 1").pixels, (Pixels{255}));
}

TEST(Pgm, RefusesWhatCannotBe) {
  expect_refused("P5", "ends before its width");
  expect_refused("P5 3", "ends before its height");
  expect_refused("P5 x 2 255 ", "its width is no number");
  expect_refused("P5 -3 2 255 ", "its width is no number");
  expect_refused("P5 99999999999999999999 2 255 ", "its width is above 2147483647");
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
  EXPECT_EQ(pgm("P2 2 1 99 5 5 # the end").pixels.size(), 2U);
  EXPECT_EQ(pgm("P5 2 1 99 ab\n").pixels.size(), 2U);
  expect_refused("P25 1 255 1 2 3 4 5", "no white space follows P2");
  expect_refused("P5x2 1 255 ab", "no white space follows P5");
  expect_refused("P5 2 1 255xab", "no white space follows its maximum");
  expect_refused("P5 2 2 255 ", "has 1 byte for 2 x 2 pixels, which take 5");
}

}  // namespace
}  // namespace dlfs::testing
