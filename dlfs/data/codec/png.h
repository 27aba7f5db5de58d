// Pictures as PNG: ours go out with 8 bits a channel; anybody's come in. Any thread.
#pragma once

#include <string>

#include "dlfs/base/file.h"
#include "dlfs/data/codec/decode.h"
#include "dlfs/data/picture.h"

namespace dlfs {

Bytes encode_png(const Picture& picture);
Bytes encode_png(const ImageView& image);
void write_png(const std::string& path, const Picture& picture);

// PNG of any kind: gray, palette or colour, 1 to 16 bits, interlaced or not; more than 8 bits are rounded. What is
// transparent shows black; texts, gamma and colour profiles are not even read. For decode.cpp, which checks the size. Throw
// FileError; `source` names the bytes in it. Pixels come as they are stored, not turned.
ImageHeader inspect_png(std::span<const std::byte> file, const std::string& source);
void decode_png(std::span<const std::byte> file, const std::string& source, int channels, Image& into,
                const DecodeLimits& limits);

}  // namespace dlfs
