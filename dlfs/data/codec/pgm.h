// Gray images as netpbm writes them: PGM as text (P2) or bytes (P5), of any maximum up to 65535
// (https://netpbm.sourceforge.net/doc/pgm.html). Any thread.
#pragma once

#include <string>

#include "dlfs/data/codec/decode.h"

namespace dlfs {

// Brought to 8 bits, rounded. For decode.cpp, which checks the size. Throw FileError; `source` names the bytes in it.
ImageHeader inspect_pgm(std::span<const std::byte> file, const std::string& source);
void decode_pgm(std::span<const std::byte> file, const std::string& source, int channels, Image& into);

}  // namespace dlfs
