// Pictures as PNG, 8 bits a channel. Any thread.
#pragma once

#include <string>

#include "dlfs/base/file.h"
#include "dlfs/data/picture.h"

namespace dlfs {

Bytes encode_png(const Picture& picture);
Bytes encode_png(const GrayImage& image);
void write_png(const std::string& path, const Picture& picture);

}  // namespace dlfs
