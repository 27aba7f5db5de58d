#include "dlfs/data/codec/decode.h"

#include <gtest/gtest.h>

#include <array>
#include <functional>

#include "dlfs/base/error.h"
#include "dlfs/data/codec/png.h"
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
  const Bytes png = encode_png(GrayImage{.size = {.width = 2, .height = 1}, .pixels = pixels});
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

}  // namespace
}  // namespace dlfs::testing
