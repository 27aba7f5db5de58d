#include "dlfs/data/png.h"

#include <png.h>

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

}  // namespace

Bytes encode_png(const Picture& picture) { return encode(picture.size(), PNG_FORMAT_RGB, picture.pixels()); }

Bytes encode_png(const GrayImage& image) { return encode(image.size, PNG_FORMAT_GRAY, image.pixels); }

void write_png(const std::string& path, const Picture& picture) {
  write_file(path, std::span<const std::byte>(encode_png(picture)));
}

}  // namespace dlfs
