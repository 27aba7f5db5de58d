// Pictures as PNG: ours go out with 8 bits a channel; anybody's come in. Any thread.
#pragma once

#include <string>

#include "dlfs/base/file.h"
#include "dlfs/data/picture.h"
#include "dlfs/data/wide_image.h"

namespace dlfs {

Bytes encode_png(const Picture& picture);
Bytes encode_png(const GrayImage& image);
void write_png(const std::string& path, const Picture& picture);

// PNG of any kind: gray, palette or colour, 1 to 16 bits, interlaced or not. What is transparent shows black; gamma and
// colour profiles are not applied. Throws FileError; `source` names the bytes in it.
WideImage decode_png(std::span<const std::byte> file, const std::string& source);

}  // namespace dlfs
