// Gray images as netpbm writes them: PGM as text (P2) or bytes (P5), of any maximum up to 65535
// (https://netpbm.sourceforge.net/doc/pgm.html). Any thread.
#pragma once

#include <string>

#include "dlfs/data/wide_image.h"

namespace dlfs {

// requires: a file that begins with P2 or P5. Throws FileError; `source` names the bytes in it.
WideImage decode_pgm(std::span<const std::byte> file, const std::string& source);

}  // namespace dlfs
