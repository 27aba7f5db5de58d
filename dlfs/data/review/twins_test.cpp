#include "dlfs/data/review/twins.h"

#include <gtest/gtest.h>
#include <algorithm>

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
  std::vector<Looks> all;
  const std::vector<uint64_t> hashes = families(2000, 7);
  all.reserve(hashes.size() + 1);
  for (const uint64_t hash : hashes) all.push_back({.hash = hash, .pixels = {1, -1}});
  all.push_back(all[5]);
  all[6].pixels = {-1, 1};
  std::vector<const Looks*> looks;
  looks.reserve(all.size());
  for (const Looks& one : all) looks.push_back(&one);
  Pairs expected, found;
  for (uint32_t i = 0; i < all.size(); ++i)
    for (uint32_t j = i + 1; j < all.size(); ++j)
      if (are_alike(all[i], all[j])) expected.emplace(i, j);
  for_each_alike(looks, [&](uint32_t a, uint32_t b) {
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

bool alike(const Image& a, const Image& b) { return are_alike(looks_of(a).value(), looks_of(b).value()); }

TEST(PerceptualHash, StaysNearWhenAnImageIsScaledBrightenedOrCompressed) {
  for (uint32_t number = 0; number < 20; ++number) {
    const Image image = scene(number, {160, 120});
    EXPECT_TRUE(alike(image, resized(image, {80, 60}))) << number;
    EXPECT_TRUE(alike(image, resized(image, {200, 150}))) << number;
    Image brighter = image;
    for (uint8_t& pixel : brighter.pixels) pixel = static_cast<uint8_t>(20 + pixel * 4 / 5);
    EXPECT_TRUE(alike(image, brighter)) << number;
  }
  const auto file = [](const std::string& name) {
    Decoded decoded;
    const std::string path = DLFS_SOURCE_DIR "/dlfs/testing/images/" + name;
    decode_image(read_file(path), path, {.channels = 1}, decoded);
    return decoded.image;
  };
  for (const char* other : {"colour_420.jpg", "progressive.jpg", "gray.jpg", "interlaced.png"})
    EXPECT_TRUE(alike(file("colour_444.jpg"), file(other))) << other;
}

TEST(PerceptualHash, TellsScenesApart) {
  int count = 0;
  for (uint32_t a = 0; a < 60; ++a)
    for (uint32_t b = a + 1; b < 60; ++b) count += alike(scene(a, {64, 48}), scene(b, {64, 48}));
  EXPECT_EQ(count, 0);
}

TEST(PerceptualHash, AnImageOfOneColourHasNone) {
  Image image{.size = {40, 30}, .channels = 1, .pixels = std::vector<uint8_t>(1200, 77)};
  EXPECT_FALSE(looks_of(image).has_value());
  image.pixels[600] = 255;
  EXPECT_TRUE(looks_of(image).has_value());
}

Likeness likeness(Split split, uint8_t file, uint64_t hash) {
  Likeness made{.known = true, .split = split, .looks = Looks{.hash = hash, .pixels = {1, -1}}};
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

// Frames of a film, say: comparing each with each would not end, but each is found.
TEST(Twins, AllOfManyThatAreAlikeAreFound) {
  std::vector<Likeness> images;
  for (int i = 0; i < 4000; ++i) {
    images.push_back(likeness(i % 2 == 0 ? Split::train : Split::test, 0, i % 4));
    images.back().digest[1] = static_cast<uint8_t>(i);
    images.back().digest[2] = static_cast<uint8_t>(i / 256);
  }
  const std::vector<Twin> twins = find_twins(images);
  EXPECT_GE(twins.size(), images.size() - 4);  // the first of each hash
  EXPECT_LT(twins.size(), images.size());
}

}  // namespace
}  // namespace dlfs
