#include "dlfs/data/codec/exif.h"

#include <gtest/gtest.h>

#include <string_view>

namespace dlfs::testing {
namespace {

int orientation_of(std::string_view tiff) { return exif_orientation(std::as_bytes(std::span(tiff))); }

TEST(Exif, ReadsBothByteOrders) {
  EXPECT_EQ(orientation_of({"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0", 22}), 6);
  EXPECT_EQ(orientation_of({"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x08\0\0", 22}), 8);
  // behind another entry
  EXPECT_EQ(
      orientation_of(
          {"MM\0*\0\0\0\x08\0\x02\x01\x0F\0\x03\0\0\0\x01\0\x05\0\0\x01\x12\0\x03\0\0\0\x01\0\x03\0\0", 34}),
      3);
}

TEST(Exif, BelievesNothingThatCannotBe) {
  EXPECT_EQ(orientation_of(""), 1);
  EXPECT_EQ(orientation_of("II*"), 1);
  EXPECT_EQ(orientation_of({"JJ*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0", 22}), 1);
  for (const char value : {0, 9, 127})  // no orientation
    EXPECT_EQ(orientation_of(std::string("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0", 18) + value + '\0'),
              1);
  EXPECT_EQ(orientation_of({"II*\0\x08\0\0\0\x01\0\x12\x01\x04\0\x01\0\0\0\x06\0\0\0", 22}),
            1);  // another type
  EXPECT_EQ(orientation_of({"II*\0\xFF\xFF\xFF\xFF\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0", 22}),
            1);  // far away
  EXPECT_EQ(orientation_of({"II*\0\x08\0\0\0\xFF\xFF\x13\x01\x03\0\x01\0\0\0\x06\0\0\0", 22}),
            1);  // entries without end
  EXPECT_EQ(orientation_of({"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0", 18}),
            1);  // cut before its value
}

// What the standard says of row 0 and column 0 of the stored image: where they lie in the upright one.
TEST(Exif, TurnsTheEightWays) {
  const Image stored{.size = {3, 2}, .channels = 1, .pixels = {1, 2, 3, 4, 5, 6}};
  const std::vector<std::vector<uint8_t>> upright = {
      {1, 2, 3, 4, 5, 6}, {3, 2, 1, 6, 5, 4}, {6, 5, 4, 3, 2, 1}, {4, 5, 6, 1, 2, 3},
      {1, 4, 2, 5, 3, 6}, {4, 1, 5, 2, 6, 3}, {6, 3, 5, 2, 4, 1}, {3, 6, 2, 5, 1, 4}};
  for (int orientation = 1; orientation <= 8; ++orientation) {
    Image image = stored;
    turn_upright(image, orientation);
    EXPECT_EQ(image.pixels, upright[orientation - 1]) << orientation;
    EXPECT_EQ(image.size.width, orientation < 5 ? 3 : 2);
    Image colour{.size = {3, 2}, .channels = 3, .pixels = {}};
    for (const uint8_t pixel : stored.pixels)
      colour.pixels.insert(colour.pixels.end(), {pixel, 10, uint8_t(pixel + 20)});
    turn_upright(colour, orientation);
    for (size_t i = 0; i < image.pixels.size(); ++i) {
      EXPECT_EQ(colour.pixels[3 * i], image.pixels[i]);
      EXPECT_EQ(colour.pixels[3 * i + 2], image.pixels[i] + 20);
    }
  }
}

TEST(Exif, MapsBoxesThereAndBack) {
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const Turn turn{.orientation = orientation, .stored = {7, 5}};
    Image image{.size = {7, 5}, .channels = 1, .pixels = std::vector<uint8_t>(35)};
    const Box part{.x = 1, .y = 2, .width = 4, .height = 2};
    for (int y = part.y; y < part.y + part.height; ++y)
      for (int x = part.x; x < part.x + part.width; ++x) image.pixels[y * 7 + x] = 1;
    turn_upright(image, orientation);
    const Box box = turn.to_upright(part);
    for (int y = 0; y < image.size.height; ++y)
      for (int x = 0; x < image.size.width; ++x)
        EXPECT_EQ(image.pixels[y * image.size.width + x],
                  x >= box.x && x < box.x + box.width && y >= box.y && y < box.y + box.height ? 1 : 0)
            << orientation << ": " << x << ", " << y;
    const Box back = turn.to_stored(box);
    EXPECT_EQ(std::tie(back.x, back.y, back.width, back.height),
              std::tie(part.x, part.y, part.width, part.height));
  }
}

}  // namespace
}  // namespace dlfs::testing
