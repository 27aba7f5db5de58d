#include "dlfs/data/codec/decode.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <functional>

#include "dlfs/base/error.h"
#include "dlfs/base/random.h"
#include "dlfs/data/codec/png.h"
#include "dlfs/testing/data.h"
#include "dlfs/testing/files.h"
#include "dlfs/testing/folder.h"

namespace dlfs::testing {
namespace {

std::string refusal(const std::function<void()>& read) {
  try {
    read();
    return "";
  } catch (const FileError& error) {
    return error.what();
  }
}

TEST(Decode, IsToldByItsFirstBytes) {
  const Folder folder;
  const std::array<uint8_t, 2> pixels = {7, 9};
  const Bytes png = encode_png(ImageView{.size = {.width = 2, .height = 1}, .pixels = pixels});
  write_file(folder / "png.txt", std::span<const std::byte>(png));
  EXPECT_EQ(read_image(folder / "png.txt").pixels, (std::vector<uint8_t>{7, 9}));
  write_file(folder / "pgm.png", "P2 2 1 255 7 9");
  EXPECT_EQ(read_image(folder / "pgm.png").pixels, (std::vector<uint8_t>{7, 9}));
  for (const char* text : {"", "P", "P6 1 1 255 abc", "\xFF\xD8", "P3 1 1 1 1 1 1"}) {
    write_file(folder / "other", text);
    EXPECT_EQ(refusal([&] { read_image(folder / "other"); }),
              "[image] " + folder / "other" + ": is neither JPEG, PNG nor PGM (P2, P5)");
  }
  EXPECT_EQ(refusal([&] { read_image(folder / "none"); }),
            "[file] " + folder / "none" + ": cannot read: No such file or directory");
}

Decoded decoded(const Bytes& file, const DecodeRequest& request) {
  Decoded result;
  decode_image(file, "a", request, result);
  return result;
}

uint64_t key_of_pixels(const Image& image) {
  return key_of({reinterpret_cast<const char*>(image.pixels.data()), image.pixels.size()});
}

// The pixels of the drawn images, as Pillow 13 with libjpeg-turbo 3.1 and libpng reads them too (deep.png rounded to 8 bits,
// alpha.png multiplied by its alpha).
struct Known {
  const char* name;
  ImageHeader header;
  uint64_t key;
};
const Size size = {45, 35};
const std::vector<Known> known_images = {
    {"alpha.png", {Codec::png, size, 3}, 0xB4423B10FC3339EF},
    {"cmyk.jpg", {Codec::jpeg, size, 3}, 0x64FAB7C0E803310E},
    {"colour_420.jpg", {Codec::jpeg, size, 3, 1, false, true}, 0xDD1504FA856568B8},
    {"colour_422.jpg", {Codec::jpeg, size, 3}, 0x7772F513E546A0F7},
    {"colour_444.jpg", {Codec::jpeg, size, 3, 1, false, true}, 0x4824E54210F79482},
    {"deep.png", {Codec::png, size, 1}, 0xC784C132F49535A3},
    {"gray.jpg", {Codec::jpeg, size, 1, 1, false, true}, 0x758CA4399DD82CE1},
    {"interlaced.png", {Codec::png, size, 3}, 0xECFD72594A631A77},
    {"palette.png", {Codec::png, size, 3}, 0x160F88E95C3B0ABC},
    {"progressive.jpg", {Codec::jpeg, size, 3, 1, true}, 0xDD1504FA856568B8},
    {"restart.jpg", {Codec::jpeg, size, 3, 1, false, true}, 0xDD1504FA856568B8},
    {"turned.jpg", {Codec::jpeg, {35, 45}, 3, 6, false, true}, 0xCEE8A885C465AFE5},
};

TEST(Decode, KnowsThePixelsOfTheDrawnImages) {
  EXPECT_EQ(files_in(tree_path("images")).size(), known_images.size());
  for (const auto& [name, header, key] : known_images) {
    const Image image = read_image(tree_path("images/") + name);
    EXPECT_EQ(std::tie(image.size.width, image.size.height, image.channels),
              std::tie(header.size.width, header.size.height, header.channels))
        << name;
    EXPECT_EQ(key_of_pixels(image), key) << name;
  }
}

TEST(Decode, InspectsHeaders) {
  for (const auto& [name, header, key] : known_images) {
    const Bytes file = drawn_image(name);
    const ImageHeader found = inspect_image(file, name);
    EXPECT_EQ(found.codec, header.codec) << name;
    EXPECT_EQ(found.size.width, header.size.width) << name;
    EXPECT_EQ(found.size.height, header.size.height) << name;
    EXPECT_EQ(found.channels, header.channels) << name;
    EXPECT_EQ(found.orientation, header.orientation) << name;
    EXPECT_EQ(found.progressive, header.progressive) << name;
    EXPECT_EQ(found.baseline_420_or_444, header.baseline_420_or_444) << name;
    const std::span<const std::byte> start = std::span(file).first(header.codec == Codec::jpeg ? 250 : 140);
    EXPECT_EQ(inspect_image(start, name).size.width, header.size.width) << "from its start alone: " << name;
  }
}

// The luma of a JPEG is its own; of the colours that it became it differs where they were cut to what can be shown.
TEST(Decode, GivesTheChannelsThatAreAskedFor) {
  for (const auto& [name, header, key] : known_images) {
    const Bytes file = drawn_image(name);
    const Image gray = decoded(file, {.channels = 1}).image, colour = decoded(file, {.channels = 3}).image,
                four = decoded(file, {.channels = 4}).image;
    const size_t pixels = size_t{45} * 35;
    ASSERT_EQ(gray.pixels.size(), pixels) << name;
    ASSERT_EQ(colour.pixels.size(), 3 * pixels) << name;
    ASSERT_EQ(four.pixels.size(), 4 * pixels) << name;
    double difference = 0;
    for (size_t i = 0; i < pixels; ++i) {
      const uint8_t* rgb = &colour.pixels[3 * i];
      ASSERT_TRUE(std::equal(rgb, rgb + 3, &four.pixels[4 * i])) << name;
      const bool gray_stays = rgb[0] == gray.pixels[i] && rgb[1] == rgb[0] && rgb[2] == rgb[0];
      ASSERT_TRUE(header.channels == 3 || gray_stays) << name;
      difference += std::abs(gray.pixels[i] - (0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2])) / pixels;
    }
    EXPECT_LT(difference, header.codec == Codec::jpeg ? 1.5 : 0.51) << name;
  }
}

TEST(Decode, UsesMemoryAgain) {
  Decoded into;
  for (const bool backwards : {false, true})
    for (size_t i = 0; i < known_images.size(); ++i) {
      const Known& known = known_images[backwards ? known_images.size() - 1 - i : i];
      decode_image(drawn_image(known.name), "a", {.channels = known.header.channels}, into);
      EXPECT_EQ(key_of_pixels(into.image), known.key) << known.name;
    }
}

TEST(Decode, AppliesTheOrientationOfPng) {
  Bytes file = drawn_image("interlaced.png");
  const std::string chunk(
      "\0\0\0\x1A"
      "eXIf"
      "MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0",
      34);
  const auto sum = static_cast<uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(chunk.data()) + 4, 30));
  std::string text = chunk;
  for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(sum >> shift);
  const Image stored = decoded(file, {}).image;
  const auto bytes = std::as_bytes(std::span(text));
  file.insert(file.begin() + 33, bytes.begin(), bytes.end());
  const Decoded turned = decoded(file, {});
  EXPECT_EQ(turned.covers.width, 35);
  EXPECT_EQ(inspect_image(file, "a").size.width, 35);
  for (int y = 0; y < 45; ++y)  // column y of what is stored, from its last row up
    EXPECT_EQ(turned.image.pixels[size_t{3} * y * 35], stored.pixels[3 * (34 * size_t{45} + y)]);
}

TEST(Decode, RefusesAWindowThatIsNotInTheImage) {
  const Bytes file = drawn_image("turned.jpg");  // 35 x 45, upright
  EXPECT_EQ(decoded(file, {.window = Box{0, 10, 35, 35}}).image.size.height, 35);
  for (const Box& window : {Box{-1, 0, 5, 5}, Box{0, -1, 5, 5}, Box{1, 0, 35, 5}, Box{0, 1, 5, 45},
                            Box{3, 3, 0, 1}, Box{3, 3, 1, -1}, Box{2147483647, 0, 2147483647, 1}})
    EXPECT_NE(refusal([&] { decoded(file, {.window = window}); }).find("are not in it"), std::string::npos);
  EXPECT_EQ(refusal([&] {
              decoded(file, {.window = Box{30, 2, 6, 7}});
            }),
            "[image] a: is 35 x 45, and 6 x 7 pixels at 30, 2 are not in it");
}

// The eight ways to hold a camera, photographed once each way and written once each way: one upright picture.
TEST(Decode, ShowsEveryOrientationUpright) {
  DLFS_NEEDS_DATA(folder, "malformed/exif-orientation");
  for (const std::string name : {"/Landscape_", "/Portrait_"}) {
    std::optional<Image> first;
    for (int orientation = 1; orientation <= 8; ++orientation) {
      const Bytes file = read_file(concat(folder, name, orientation, ".jpg"));
      EXPECT_EQ(inspect_image(file, name).orientation, orientation);
      const Image image = decoded(file, {.channels = 3, .at_least = Size{150, 150}}).image;
      if (!first) first = image;
      ASSERT_EQ(image.pixels.size(), first->pixels.size());
      EXPECT_EQ(image.size.width, first->size.width);
      double difference = 0;
      for (size_t i = 0; i < image.pixels.size(); ++i)
        difference += std::abs(image.pixels[i] - first->pixels[i]);
      EXPECT_LT(difference / static_cast<double>(image.pixels.size()), 2) << name << orientation;
    }
  }
}

}  // namespace
}  // namespace dlfs::testing
