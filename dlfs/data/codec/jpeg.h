// JPEG in, through libjpeg-turbo: baseline, extended and progressive, 8 bits; gray, YCbCr, RGB, CMYK and YCCK. The last two
// are taken as everybody writes and reads them: inverted. Pixels are those of its accurate integer transform and smooth
// upsampling, whatever part of the image is asked for; large baseline scans are read by huffman.h in its place, to the same
// coefficients. Corrupt data are refused, not guessed at, as far as they are read: a window ends the reading. Any thread.
#pragma once

#include <span>
#include <string>

#include "dlfs/data/codec/decode.h"

namespace dlfs {

// For decode.cpp, which checks sizes and windows. Throw FileError; `source` names the bytes in it.
ImageHeader inspect_jpeg(std::span<const std::byte> file, const std::string& source);
void decode_jpeg(std::span<const std::byte> file, const std::string& source, const DecodeRequest& request,
                 Decoded& into, const DecodeLimits& limits);

}  // namespace dlfs
