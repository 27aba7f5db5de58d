#include "dlfs/data/codec/png.h"

#include <gtest/gtest.h>
#include <png.h>
#include <zlib.h>

#include <algorithm>
#include <array>

#include "dlfs/base/error.h"
#include "dlfs/testing/folder.h"

namespace dlfs {
namespace {

struct Read {
  Size size;
  bool colored = false;
  std::vector<uint8_t> pixels;
};

Read read(const Bytes& file) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  EXPECT_NE(png_image_begin_read_from_memory(&image, file.data(), file.size()), 0) << image.message;
  Read decoded{.size = {static_cast<int>(image.width), static_cast<int>(image.height)},
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
  const Read decoded = read(read_file(folder / "a.png"));
  EXPECT_EQ(decoded.size.width, 13);
  EXPECT_EQ(decoded.size.height, 7);
  EXPECT_TRUE(decoded.colored);
  EXPECT_TRUE(std::ranges::equal(decoded.pixels, picture.pixels()));
}

TEST(Png, HoldsAGrayImage) {
  const std::array<uint8_t, 6> pixels = {0, 1, 2, 100, 254, 255};
  const Read decoded = read(encode_png(ImageView{.size = {.width = 3, .height = 2}, .pixels = pixels}));
  EXPECT_EQ(decoded.size.width, 3);
  EXPECT_FALSE(decoded.colored);
  EXPECT_TRUE(std::ranges::equal(decoded.pixels, pixels));
}

// A PNG file of any kind, written by libpng itself.
struct Kind {
  int color = PNG_COLOR_TYPE_GRAY, depth = 8;
  bool interlaced = false, transparent = false;
};

const Size odd_size = {11, 9};  // ends in the middle of bytes and of interlacing's blocks

int channels_of(int color) {
  return color == PNG_COLOR_TYPE_RGB          ? 3
         : color == PNG_COLOR_TYPE_RGB_ALPHA  ? 4
         : color == PNG_COLOR_TYPE_GRAY_ALPHA ? 2
                                              : 1;
}

// The sample in the file, of so many bits.
int sample_at(const Kind& kind, int pixel, int channel) {
  return static_cast<int>(((pixel * 4 + channel) * 2654435761U) >> (32 - kind.depth));
}

int palette_at(int entry, int channel) { return (entry * 37 + channel * 101 + 5) % 256; }

Bytes encode(const Kind& kind) {
  Bytes file;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &file,
      [](png_structp to, png_bytep bytes, size_t count) {
        auto* all = static_cast<Bytes*>(png_get_io_ptr(to));
        const auto* first = reinterpret_cast<const std::byte*>(bytes);
        all->insert(all->end(), first, first + count);
      },
      nullptr);
  png_set_IHDR(png, info, odd_size.width, odd_size.height, kind.depth, kind.color,
               kind.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  if (kind.color == PNG_COLOR_TYPE_PALETTE) {
    std::vector<png_color> palette(size_t{1} << kind.depth);
    for (int i = 0; i < 1 << kind.depth; ++i)
      palette[i] = {png_byte(palette_at(i, 0)), png_byte(palette_at(i, 1)), png_byte(palette_at(i, 2))};
    png_set_PLTE(png, info, palette.data(), static_cast<int>(palette.size()));
  }
  const std::array<png_byte, 2> alphas = {0, 128};  // of the first two entries of a palette
  png_color_16 color{};
  color.gray = static_cast<png_uint_16>(sample_at(kind, 0, 0));
  if (kind.transparent) png_set_tRNS(png, info, alphas.data(), alphas.size(), &color);
  png_write_info(png, info);
  const int channels = channels_of(kind.color), bits = channels * kind.depth;
  std::vector<std::vector<png_byte>> lines(odd_size.height,
                                           std::vector<png_byte>((odd_size.width * bits + 7) / 8));
  std::vector<png_bytep> rows;
  for (int y = 0; y < odd_size.height; ++y) {
    for (int i = 0; i < odd_size.width * channels; ++i) {
      const int sample = sample_at(kind, y * odd_size.width + i / channels, i % channels);
      if (kind.depth == 16) {
        lines[y][2 * i] = static_cast<png_byte>(sample >> 8);
        lines[y][2 * i + 1] = static_cast<png_byte>(sample & 255);
      } else {
        lines[y][i * kind.depth / 8] |=
            static_cast<png_byte>(sample << (8 - kind.depth - i * kind.depth % 8));
      }
    }
    rows.push_back(lines[y].data());
  }
  png_write_image(png, rows.data());
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return file;
}

// What the reader should make of it.
std::vector<uint8_t> expected(const Kind& kind) {
  std::vector<uint8_t> pixels;
  const int most = (1 << kind.depth) - 1, channels = channels_of(kind.color);
  const auto times = [](int a, int b) { return static_cast<uint8_t>((a * b + 127) / 255); };
  const auto eight_bits = [&](int sample) { return (sample * 255 + most / 2) / most; };
  for (int pixel = 0; pixel < odd_size.width * odd_size.height; ++pixel) {
    const int first = sample_at(kind, pixel, 0);
    if (kind.color == PNG_COLOR_TYPE_PALETTE) {
      const int alpha = !kind.transparent || first > 1 ? 255 : first == 0 ? 0 : 128;
      for (int c = 0; c < 3; ++c) pixels.push_back(times(palette_at(first, c), alpha));
      continue;
    }
    int alpha = kind.transparent && first == sample_at(kind, 0, 0) ? 0 : 255;
    if (channels % 2 == 0) alpha = eight_bits(sample_at(kind, pixel, channels - 1));
    for (int c = 0; c < channels - (channels % 2 == 0 ? 1 : 0); ++c)
      pixels.push_back(times(eight_bits(sample_at(kind, pixel, c)), alpha));
  }
  return pixels;
}

Image decode(const Bytes& file, int channels = 0) {
  Decoded decoded;
  if (channels == 0) channels = inspect_image(file, "a.png").channels;
  decode_image(file, "a.png", {.channels = channels}, decoded);
  return decoded.image;
}

TEST(Png, ReadsEveryKind) {
  std::vector<Kind> kinds;
  for (const bool interlaced : {false, true}) {
    for (const int depth : {1, 2, 4, 8, 16})
      for (const bool transparent : {false, true}) {
        kinds.push_back({PNG_COLOR_TYPE_GRAY, depth, interlaced, transparent});
        if (depth < 16) kinds.push_back({PNG_COLOR_TYPE_PALETTE, depth, interlaced, transparent});
      }
    for (const int color : {PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB_ALPHA})
      for (const int depth : {8, 16}) kinds.push_back({color, depth, interlaced});
  }
  for (const Kind& kind : kinds) {
    const Image image = decode(encode(kind));
    const std::string what =
        concat("colour type ", kind.color, ", ", kind.depth, " bits", kind.interlaced ? ", interlaced" : "",
               kind.transparent ? ", transparent" : "");
    EXPECT_EQ(image.size.width, odd_size.width) << what;
    EXPECT_EQ(image.size.height, odd_size.height) << what;
    EXPECT_EQ(image.channels, (kind.color & PNG_COLOR_MASK_COLOR) != 0 ? 3 : 1) << what;
    EXPECT_EQ(image.pixels, expected(kind)) << what;
  }
}

std::string refusal(const Bytes& file) {
  try {
    decode(file);
    return "";
  } catch (const FileError& error) {
    return error.what();
  }
}

// A file's chunks hold their sums; these are right, so that only what is declared is wrong.
Bytes with_size(Bytes file, uint32_t width, uint32_t height) {
  const auto put = [&](size_t at, uint32_t value) {
    for (int i = 0; i < 4; ++i) file[at + i] = static_cast<std::byte>(value >> (24 - 8 * i));
  };
  put(16, width);
  put(20, height);
  put(29, static_cast<uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(&file[12]), 17)));
  return file;
}

TEST(Png, RefusesSizesThatCannotBe) {
  const Bytes file = encode({PNG_COLOR_TYPE_RGB, 8});
  const std::string size = std::to_string(file.size());
  EXPECT_EQ(refusal(with_size(file, 100000, 100000)),
            "[image] a.png: declares 100000 x 100000 pixels, but 1 to 67108864 are read");
  EXPECT_EQ(refusal(with_size(file, 0x7FFFFFFF, 0x7FFFFFFF)),
            "[image] a.png: declares 2147483647 x 2147483647 pixels, but 1 to 67108864 are read");
  EXPECT_EQ(refusal(with_size(file, 8000, 8000)),
            "[png] a.png: declares 8000 x 8000 pixels, which its " + size + " bytes cannot hold");
  EXPECT_EQ(refusal(with_size(file, 0, 9)),
            "[image] a.png: declares 0 x 9 pixels, but 1 to 67108864 are read");
  EXPECT_EQ(refusal(with_size(file, 11, 900)), "[png] a.png: Not enough image data");
}

// Cut off anywhere, or with any byte changed, a file is refused or read, and nothing else happens.
TEST(Png, SurvivesEveryCutAndEveryWrongByte) {
  for (const Kind& kind : {Kind{PNG_COLOR_TYPE_PALETTE, 4, true, true}, Kind{PNG_COLOR_TYPE_RGB_ALPHA, 16}}) {
    const Bytes whole = encode(kind);
    const std::vector<uint8_t> wanted = expected(kind);
    size_t refused = 0;
    for (size_t size = 8; size < whole.size(); ++size) {
      const Bytes cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
      EXPECT_NE(refusal(cut), "") << "cut to " << size;
      ++refused;
    }
    EXPECT_EQ(decode(whole).pixels, wanted);
    EXPECT_EQ(refusal(Bytes(whole.begin(), whole.end() - 5)), "[png] a.png: ends in the middle");
    for (size_t at = 0; at < whole.size(); ++at) {
      Bytes wrong = whole;
      wrong[at] ^= static_cast<std::byte>(0x55);
      refused += refusal(wrong).empty() ? 0 : 1;
    }
    EXPECT_GT(refused, whole.size());
  }
  EXPECT_EQ(refusal({}), "[image] a.png: is neither JPEG, PNG nor PGM (P2, P5)");
}

TEST(Png, ChecksItsPixels) {
  const std::array<uint8_t, 6> pixels{};
  EXPECT_THROW(encode_png(ImageView{.size = {.width = 3, .height = 3}, .pixels = pixels}), InternalError);
  EXPECT_THROW(encode_png(ImageView{}), InternalError);
}

}  // namespace
}  // namespace dlfs
