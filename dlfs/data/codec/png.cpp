#include "dlfs/data/codec/png.h"

#include <png.h>

#include <array>
#include <csetjmp>
#include <cstring>

#include "dlfs/base/error.h"

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
  if (png_image_write_to_memory(&image, file.data(), &length, 0, pixels.data(), 0, nullptr) == 0) {
    throw FileError("png", concat("cannot encode ", size.width, " x ", size.height, ": ", image.message));
  }
  file.resize(length);
  return file;
}

// All that libpng's callbacks see of us. It lies outside of the function that they jump back to.
struct Input {
  std::span<const std::byte> left;
  std::array<char, 128> fault{};
};

void read(png_structp png, png_bytep to, size_t count) {
  auto& input = *static_cast<Input*>(png_get_io_ptr(png));
  if (count > input.left.size()) png_error(png, "ends in the middle");
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
    if (info == nullptr) throw std::bad_alloc();
    png_set_read_fn(png, &input, read);
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { png_destroy_read_struct(&png, &info, nullptr); }

  png_structp png;
  png_infop info = nullptr;
};

}  // namespace

Bytes encode_png(const Picture& picture) { return encode(picture.size(), PNG_FORMAT_RGB, picture.pixels()); }

Bytes encode_png(const GrayImage& image) { return encode(image.size, PNG_FORMAT_GRAY, image.pixels); }

void write_png(const std::string& path, const Picture& picture) {
  write_file(path, std::span<const std::byte>(encode_png(picture)));
}

WideImage decode_png(std::span<const std::byte> file, const std::string& source) {
  Input input{file};
  Reader reader(input);
  const png_structp png = reader.png;
  const auto refuse = [&](const std::string& fact) { throw FileError("png", source + ": " + fact); };
  const auto call = [&](const auto& work) {
    if (!guarded(png, work)) refuse(input.fault.data());
  };

  png_uint_32 width = 0, height = 0;
  size_t row_bytes = 0;
  call([&] {
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // refuse_size() says it better
    png_read_info(png, reader.info);
    width = png_get_image_width(png, reader.info);
    height = png_get_image_height(png, reader.info);
    row_bytes = png_get_rowbytes(png, reader.info);
  });
  WideImage image{.size = {static_cast<int>(width), static_cast<int>(height)}, .channels = 1, .samples = {}};
  refuse_size(image.size, "png", source);
  constexpr size_t most_inflated = 1032;  // from one byte, say zlib's authors
  if ((1 + row_bytes) * height / most_inflated > file.size())
    refuse(
        concat("declares ", width, " x ", height, " pixels, which its ", file.size(), " bytes cannot hold"));

  int channels = 0, passes = 0;
  call([&] {
    png_set_expand_16(png);  // also palettes, fewer bits, and a transparent colour to a channel of its own
    png_set_swap(png);       // to the byte order of this machine
    passes = png_set_interlace_handling(png);
    png_read_update_info(png, reader.info);
    channels = png_get_channels(png, reader.info);
  });
  const size_t pixels = static_cast<size_t>(width) * height;
  std::vector<uint16_t> samples(pixels * channels);
  call([&] {
    for (int pass = 0; pass < passes; ++pass)
      for (size_t y = 0; y < height; ++y)
        png_read_row(png, reinterpret_cast<png_bytep>(&samples[y * width * channels]), nullptr);
    png_read_end(png, nullptr);  // or the file was cut behind its pixels
  });

  const bool has_alpha = channels % 2 == 0;
  image.channels = channels - (has_alpha ? 1 : 0);
  if (has_alpha) {  // in place: each pixel becomes shorter, by the alpha that it is multiplied by
    for (size_t i = 0; i < pixels; ++i) {
      const uint16_t* pixel = &samples[i * channels];
      const uint32_t alpha = pixel[channels - 1];
      for (int c = 0; c < image.channels; ++c)
        samples[i * image.channels + c] = static_cast<uint16_t>((pixel[c] * alpha + 32767) / 65535);
    }
    samples.resize(pixels * image.channels);
  }
  image.samples = std::move(samples);
  return image;
}

}  // namespace dlfs
