#include "dlfs/data/png.h"

#include <gtest/gtest.h>
#include <png.h>

#include <algorithm>
#include <array>

#include "dlfs/base/error.h"
#include "dlfs/testing/folder.h"

namespace dlfs {
namespace {

struct Decoded {
  Size size;
  bool colored = false;
  std::vector<uint8_t> pixels;
};

Decoded decode(const Bytes& file) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  EXPECT_NE(png_image_begin_read_from_memory(&image, file.data(), file.size()), 0) << image.message;
  Decoded decoded{.size = {static_cast<int>(image.width), static_cast<int>(image.height)},
                  .colored = (image.format & PNG_FORMAT_FLAG_COLOR) != 0,
                  .pixels = std::vector<uint8_t>(PNG_IMAGE_SIZE(image))};
  EXPECT_NE(png_image_finish_read(&image, nullptr, decoded.pixels.data(), 0, nullptr), 0) << image.message;
  return decoded;
}

TEST(Png, HoldsAPicture) {
  const testing::Folder folder;
  Picture picture({.width = 13, .height = 7}, {250, 128, 3});
  picture.fill({.x = 2, .y = 1, .width = 5, .height = 3}, {.color = {1, 2, 200}});
  write_png(folder / "a.png", picture);
  const Decoded decoded = decode(read_file(folder / "a.png"));
  EXPECT_EQ(decoded.size.width, 13);
  EXPECT_EQ(decoded.size.height, 7);
  EXPECT_TRUE(decoded.colored);
  EXPECT_TRUE(std::ranges::equal(decoded.pixels, picture.pixels()));
}

TEST(Png, HoldsAGrayImage) {
  const std::array<uint8_t, 6> pixels = {0, 1, 2, 100, 254, 255};
  const Decoded decoded = decode(encode_png(GrayImage{.size = {.width = 3, .height = 2}, .pixels = pixels}));
  EXPECT_EQ(decoded.size.width, 3);
  EXPECT_FALSE(decoded.colored);
  EXPECT_TRUE(std::ranges::equal(decoded.pixels, pixels));
}

TEST(Png, ChecksItsPixels) {
  const std::array<uint8_t, 6> pixels{};
  EXPECT_THROW(encode_png(GrayImage{.size = {.width = 3, .height = 3}, .pixels = pixels}), InternalError);
  EXPECT_THROW(encode_png(GrayImage{}), InternalError);
}

}  // namespace
}  // namespace dlfs
