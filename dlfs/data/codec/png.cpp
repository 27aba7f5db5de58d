#include "dlfs/data/codec/png.h"

#include <png.h>

#include <array>
#include <csetjmp>
#include <cstring>

#include "dlfs/base/error.h"
#include "dlfs/data/codec/exif.h"
#include "dlfs/data/codec/pixel.h"

namespace dlfs {
namespace {

// libpng's simplified interface keeps its longjmp to itself.
Bytes encode(Size size, png_uint_32 format, std::span<const uint8_t> pixels) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(size.width);
  image.height = static_cast<png_uint_32>(size.height);
  image.format = format;
  DLFS_CHECK(size.width > 0 && size.height > 0 && pixels.size() == PNG_IMAGE_SIZE(image), pixels.size());
  png_alloc_size_t length = PNG_IMAGE_PNG_SIZE_MAX(image);
  Bytes file(length);
  if (png_image_write_to_memory(&image, file.data(), &length, 0, pixels.data(), 0, nullptr) == 0)
    throw FileError("png", concat("cannot encode ", size.width, " x ", size.height, ": ", image.message));
  file.resize(length);
  return file;
}

// All that libpng's callbacks see of us. It lies outside of the function that they jump back to.
struct Input {
  std::span<const std::byte> left;
  std::chrono::steady_clock::time_point end;
  size_t rows = SIZE_MAX;
  int behind = 0;  // reads of pixels behind the last row
  std::array<char, 128> fault{};
};

void read(png_structp png, png_bytep to, size_t count) {
  constexpr size_t most_of_other_chunks = 1024;  // at a time
  auto& input = *static_cast<Input*>(png_get_io_ptr(png));
  if (count > input.left.size()) png_error(png, "ends in the middle");
  if (std::chrono::steady_clock::now() > input.end) png_error(png, "takes too long");
  // libpng would inflate whatever pixels stand behind the last row, to see their end.
  if (png_get_current_row_number(png) >= input.rows && count > most_of_other_chunks && input.behind++ > 0)
    png_error(png, "goes on after its last pixel");
  std::memcpy(to, input.left.data(), count);
  input.left = input.left.subspan(count);
}

void fail(png_structp png, png_const_charp fault) {
  auto& input = *static_cast<Input*>(png_get_error_ptr(png));
  std::strncpy(input.fault.data(), fault, input.fault.size() - 1);
  png_longjmp(png, 1);
}

void ignore(png_structp, png_const_charp) {}

// The only function that libpng jumps back to. `work` holds nothing that has a destructor.
template <typename Work>
bool guarded(png_structp png, const Work& work) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  work();
  return true;
}

struct Reader {
  explicit Reader(Input& input) : png(png_create_read_struct(PNG_LIBPNG_VER_STRING, &input, fail, ignore)) {
    if (png != nullptr) info = png_create_info_struct(png);
    if (info == nullptr) {
      png_destroy_read_struct(&png, nullptr, nullptr);
      throw std::bad_alloc();
    }
    png_set_read_fn(png, &input, read);
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { png_destroy_read_struct(&png, &info, nullptr); }

  png_structp png;
  png_infop info = nullptr;
};

// A row of so many pixels of 1 to 4 channels, the last of an even count alpha, to the channels of an image.
void convert(const uint8_t* from, size_t pixels, int file_channels, int channels, uint8_t* to) {
  const bool has_alpha = file_channels % 2 == 0, gray = file_channels < 3;
  for (size_t i = 0; i < pixels; ++i, from += file_channels, to += channels) {
    const int alpha = has_alpha ? from[file_channels - 1] : 255;
    const uint8_t first = times(from[0], alpha);
    put_pixel(gray ? Color{first, first, first} : Color{first, times(from[1], alpha), times(from[2], alpha)},
              channels, to);
  }
}

}  // namespace

Bytes encode_png(const Picture& picture) { return encode(picture.size(), PNG_FORMAT_RGB, picture.pixels()); }

Bytes encode_png(const ImageView& image) {
  return encode(image.size, image.channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB, image.pixels);
}

void write_png(const std::string& path, const Picture& picture) {
  write_file(path, std::span<const std::byte>(encode_png(picture)));
}

ImageHeader inspect_png(std::span<const std::byte> file, const std::string& source) {
  const std::string_view text = text_of(file);
  const auto refuse = [&](const char* fact) { throw FileError("png", source + ": " + fact); };
  const auto number = [&](size_t at) {
    uint32_t value = 0;
    for (size_t i = at; i < at + 4; ++i) value = 256 * value + static_cast<uint8_t>(text[i]);
    return static_cast<int>(std::min<uint32_t>(value, PNG_UINT_31_MAX));
  };
  // A chunk is its length, its name, its data and their sum.
  constexpr size_t signature_bytes = 8, chunk_bytes = 12;
  int orientation = 1;
  for (size_t at = signature_bytes;;) {
    if (text.size() < at + chunk_bytes) refuse("ends in the middle");
    const size_t length = number(at);
    const std::string_view name = text.substr(at + 4, 4);
    if (at == signature_bytes &&
        (text.substr(0, at) != "\x89PNG\r\n\x1a\n" || name != "IHDR" || length != 13))
      refuse("begins with no PNG header");
    if (name == "IDAT") break;
    if (name == "eXIf")
      orientation = exif_orientation(file.subspan(at + 8).first(std::min(length, text.size() - at - 8)));
    at += chunk_bytes + length;
  }
  constexpr int palette_or_color = PNG_COLOR_MASK_COLOR | PNG_COLOR_MASK_PALETTE;
  return {.codec = Codec::png,
          .size = Turn{.orientation = orientation, .stored = {number(16), number(20)}}.upright(),
          .channels = (static_cast<uint8_t>(text[25]) & palette_or_color) != 0 ? 3 : 1,
          .orientation = orientation};
}

void decode_png(std::span<const std::byte> file, const std::string& source, int channels, Image& into,
                const DecodeLimits& limits) {
  Input input{.left = file, .end = std::chrono::steady_clock::now() + limits.time};
  Reader reader(input);
  const png_structp png = reader.png;
  const auto refuse = [&](const std::string& fact) { throw FileError("png", source + ": " + fact); };
  const auto call = [&](const auto& work) {
    if (!guarded(png, work)) refuse(input.fault.data());
  };

  size_t width = 0, height = 0, row_bytes = 0;
  call([&] {
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // decode.cpp says it better
    png_set_chunk_malloc_max(png, 8 << 20);
    png_set_chunk_cache_max(png, 128);
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, nullptr,
                                -1);  // nor known ones that change no pixel
    png_read_info(png, reader.info);
    width = png_get_image_width(png, reader.info);
    height = png_get_image_height(png, reader.info);
    row_bytes = png_get_rowbytes(png, reader.info);
  });
  constexpr size_t most_inflated = 1032;  // from one byte, say zlib's authors
  if ((1 + row_bytes) * height / most_inflated > file.size())
    refuse(
        concat("declares ", width, " x ", height, " pixels, which its ", file.size(), " bytes cannot hold"));

  int file_channels = 0, passes = 0;
  call([&] {
    png_set_expand(png);  // palettes, fewer bits, and a transparent colour to a channel of its own
    png_set_scale_16(png);
    passes = png_set_interlace_handling(png);
    png_read_update_info(png, reader.info);
    file_channels = png_get_channels(png, reader.info);
  });
  input.rows = height;
  into.size = {static_cast<int>(width), static_cast<int>(height)};
  into.channels = channels;
  into.pixels.resize(width * height * channels);
  // The file's own samples, where they are not yet those of the image: a row, or all where rows come piece by piece.
  const bool direct = file_channels == channels && channels < 4;
  const size_t line = width * file_channels;
  std::vector<uint8_t> samples(direct ? 0 : passes == 1 ? line : line * height);
  call([&] {
    for (int pass = 0; pass < passes; ++pass)
      for (size_t y = 0; y < height; ++y) {
        uint8_t* const to = &into.pixels[y * width * channels];
        uint8_t* const row = direct ? to : &samples[passes == 1 ? 0 : y * line];
        png_read_row(png, row, nullptr);
        if (!direct && pass == passes - 1) convert(row, width, file_channels, channels, to);
      }
    png_read_end(png, nullptr);  // or the file was cut behind its pixels
  });
}

}  // namespace dlfs
