#include "dlfs/data/review/twins.h"

#include <gtest/gtest.h>

#include <bit>
#include <set>

#include "dlfs/base/random.h"
#include "dlfs/data/augment/render.h"
#include "dlfs/data/codec/decode.h"
#include "dlfs/data/review/perceptual_hash.h"

namespace dlfs {
namespace {

using Pairs = std::set<std::pair<uint32_t, uint32_t>>;

// Hashes in families whose members differ from each other in a few bits.
std::vector<uint64_t> families(uint32_t count, uint32_t members) {
  const Random random(key_of("families"));
  std::vector<uint64_t> hashes;
  for (uint32_t i = 0; hashes.size() < count; ++i) {
    uint64_t hash = random.bits(i / members);
    for (uint32_t k = 0; k < i % members; ++k) hash ^= uint64_t{1} << random.below(1000 + 7 * i + k, 64);
    hashes.push_back(hash);
  }
  std::sort(hashes.begin(), hashes.end());
  hashes.erase(std::unique(hashes.begin(), hashes.end()), hashes.end());
  return hashes;
}

TEST(PerceptualHash, PairsAreThoseThatComparingAllFinds) {
  const std::vector<uint64_t> hashes = families(2000, 7);
  Pairs expected, found;
  for (uint32_t i = 0; i < hashes.size(); ++i)
    for (uint32_t j = i + 1; j < hashes.size(); ++j)
      if (std::popcount(hashes[i] ^ hashes[j]) <= alike_bits) expected.emplace(i, j);
  for_each_alike(hashes, [&](uint32_t a, uint32_t b) {
    EXPECT_TRUE(found.emplace(std::min(a, b), std::max(a, b)).second) << a << " and " << b << " met twice";
  });
  EXPECT_GT(expected.size(), 1000U);
  EXPECT_EQ(found, expected);
}

// A scene of rectangles that the number chooses.
Image scene(uint32_t number, Size size) {
  const Random random(combine(key_of("scene"), number));
  Image image{
      .size = size, .channels = 1, .pixels = std::vector<uint8_t>(size_t(size.width) * size.height, 128)};
  for (uint32_t i = 0; i < 12; ++i) {
    const auto at = [&](uint32_t k, int most) {
      return static_cast<int>(random.uniform(8 * i + k) * static_cast<float>(most));
    };
    const int left = at(0, size.width), top = at(1, size.height), right = left + 1 + at(2, size.width / 2),
              bottom = top + 1 + at(3, size.height / 2), gray = at(4, 256);
    for (int y = top; y < std::min(bottom, size.height); ++y)
      for (int x = left; x < std::min(right, size.width); ++x)
        image.pixels[y * size.width + x] = static_cast<uint8_t>(gray);
  }
  return image;
}

int distance(const Image& a, const Image& b) {
  return std::popcount(perceptual_hash(a).value() ^ perceptual_hash(b).value());
}

TEST(PerceptualHash, StaysNearWhenAnImageIsScaledBrightenedOrCompressed) {
  for (uint32_t number = 0; number < 20; ++number) {
    const Image image = scene(number, {160, 120});
    EXPECT_LE(distance(image, resized(image, {80, 60})), alike_bits) << number;
    EXPECT_LE(distance(image, resized(image, {200, 150})), alike_bits) << number;
    Image brighter = image;
    for (uint8_t& pixel : brighter.pixels) pixel = static_cast<uint8_t>(20 + pixel * 4 / 5);
    EXPECT_LE(distance(image, brighter), alike_bits) << number;
  }
  const auto file = [](const std::string& name) {
    Decoded decoded;
    const std::string path = DLFS_SOURCE_DIR "/dlfs/testing/images/" + name;
    decode_image(read_file(path), path, {.channels = 1}, decoded);
    return decoded.image;
  };
  for (const char* other : {"colour_420.jpg", "progressive.jpg", "gray.jpg", "interlaced.png"})
    EXPECT_LE(distance(file("colour_444.jpg"), file(other)), alike_bits) << other;
}

TEST(PerceptualHash, TellsScenesApart) {
  int alike = 0;
  for (uint32_t a = 0; a < 60; ++a)
    for (uint32_t b = a + 1; b < 60; ++b)
      alike += distance(scene(a, {64, 48}), scene(b, {64, 48})) <= alike_bits;
  EXPECT_EQ(alike, 0);
}

TEST(PerceptualHash, AnImageOfOneColourHasNone) {
  Image image{.size = {40, 30}, .channels = 1, .pixels = std::vector<uint8_t>(1200, 77)};
  EXPECT_EQ(perceptual_hash(image), std::nullopt);
  image.pixels[600] = 255;
  EXPECT_NE(perceptual_hash(image), std::nullopt);
}

Likeness likeness(Split split, uint8_t file, uint64_t looks) {
  Likeness made{.split = split, .looks = looks};
  made.digest[0] = file;
  return made;
}

std::string text_of(const std::vector<Twin>& twins) {
  std::string text;
  for (const Twin& one : twins)
    text += concat(one.image, one.equal ? " = " : " ~ ", one.other, one.leak ? " leak; " : "; ");
  return text;
}

TEST(Twins, NameEachImageOnceAndALeakFirst) {
  using enum Split;
  const uint64_t far = 0xFFFF'0000'FFFF'0000;
  // Equal: 0 and 2 in train, 1 in val. 3 (none) does not leak.
  EXPECT_EQ(
      text_of(find_twins(std::vector{likeness(train, 1, 0), likeness(validation, 1, 0), likeness(train, 1, 0),
                                     likeness(none, 1, 0), likeness(train, 2, far)})),
      "1 = 0 leak; 2 = 0; 3 = 0; ");
  // The image of train comes later, and is still what was there before.
  EXPECT_EQ(text_of(find_twins(std::vector{likeness(test, 1, 0), likeness(train, 1, 0)})), "0 = 1 leak; ");
  // Alike: 1 has a twin of its own split and one of train.
  EXPECT_EQ(text_of(find_twins(std::vector{likeness(validation, 1, 0b0), likeness(validation, 2, 0b1),
                                           likeness(train, 3, 0b11), likeness(train, 4, far)})),
            "0 ~ 2 leak; 1 ~ 2 leak; ");
  // Copies of a file are named as such, not as alike again.
  EXPECT_EQ(
      text_of(find_twins(std::vector{likeness(train, 1, 0), likeness(train, 1, 0), likeness(test, 2, 7)})),
      "1 = 0; 2 ~ 0 leak; ");
  EXPECT_EQ(text_of(find_twins({})), "");
}

TEST(Twins, ManyThatAreAllAlikeAreNoMoreThanTheyAre) {
  std::vector<Likeness> images;
  for (int i = 0; i < 20'000; ++i) {
    images.push_back(likeness(i % 2 == 0 ? Split::train : Split::test, 0, i % 4));
    images.back().digest[1] = static_cast<uint8_t>(i);
    images.back().digest[2] = static_cast<uint8_t>(i / 256);
  }
  EXPECT_EQ(find_twins(images).size(), images.size() - 1);
}

}  // namespace
}  // namespace dlfs
