#include "dlfs/data/codec/decode.h"

#include <new>

#include "dlfs/base/error.h"
#include "dlfs/data/codec/exif.h"
#include "dlfs/data/codec/jpeg.h"
#include "dlfs/data/codec/pgm.h"
#include "dlfs/data/codec/png.h"

namespace dlfs {
namespace {

Codec codec_of(std::span<const std::byte> file, const std::string& source) {
  const std::string_view text = text_of(file);
  if (text.substr(0, 3) == "\xFF\xD8\xFF") return Codec::jpeg;
  if (text.substr(0, 4) == "\x89PNG") return Codec::png;
  if (text.substr(0, 2) == "P2" || text.substr(0, 2) == "P5") return Codec::pgm;
  throw FileError("image", source + ": is neither JPEG, PNG nor PGM (P2, P5)");
}

ImageHeader inspect(std::span<const std::byte> file, const std::string& source) {
  switch (codec_of(file, source)) {
    case Codec::jpeg:
      return inspect_jpeg(file, source);
    case Codec::png:
      return inspect_png(file, source);
    case Codec::pgm:
      return inspect_pgm(file, source);
  }
  throw InternalError("bug", "a codec without a reader");
}

void refuse_size(Size size, const DecodeLimits& limits, const std::string& source) {
  const auto refuse = [&](const auto&... limit) {
    throw FileError("image", concat(source, ": declares ", size.width, " x ", size.height, " pixels, but ",
                                    limit..., " are read"));
  };
  if (size.width < 1 || size.height < 1 || int64_t{size.width} * size.height > limits.pixels)
    refuse("1 to ", limits.pixels);
  if (size.width > limits.side || size.height > limits.side) refuse("sides of ", limits.side, " at most");
}

// requires: a size that is not refused.
void refuse_outside(const Box& window, Size size, const std::string& source) {
  const auto [x, y, width, height] = window;
  if (x < 0 || y < 0 || width < 1 || height < 1 || width > size.width - x || height > size.height - y)
    throw FileError("image", concat(source, ": is ", size.width, " x ", size.height, ", and ", width, " x ",
                                    height, " pixels at ", x, ", ", y, " are not in it"));
}

}  // namespace

ImageHeader inspect_image(std::span<const std::byte> file, const std::string& source,
                          const DecodeLimits& limits) {
  const ImageHeader header = inspect(file, source);
  refuse_size(header.size, limits, source);
  return header;
}

void decode_image(std::span<const std::byte> file, const std::string& source, const DecodeRequest& request,
                  Decoded& into, const DecodeLimits& limits) try {
  DLFS_CHECK(request.channels == 1 || request.channels == 3 || request.channels == 4, request.channels);
  const ImageHeader header = inspect_image(file, source, limits);
  if (request.window) refuse_outside(*request.window, header.size, source);
  into.whole = header.size;
  if (header.codec == Codec::jpeg) {
    decode_jpeg(file, source, request, into, limits);
    return;
  }
  if (header.codec == Codec::png)
    decode_png(file, source, request.channels, into.image, limits);
  else
    decode_pgm(file, source, request.channels, into.image);
  turn_upright(into.image, header.orientation);
  into.covers = {0, 0, into.image.size.width, into.image.size.height};
  into.scale = 1;
} catch (const std::bad_alloc&) {
  throw FileError("image", source + ": is too large for the memory that there is");
}

Image read_image(const std::string& path, const DecodeLimits& limits) {
  const Bytes file = read_file(path, {.max_bytes = limits.memory});
  Decoded decoded;
  decode_image(file, path, {.channels = inspect_image(file, path, limits).channels}, decoded, limits);
  return std::move(decoded.image);
}

}  // namespace dlfs
