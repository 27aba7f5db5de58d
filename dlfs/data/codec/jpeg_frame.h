// The frame of a JPEG (ITU-T T.81, B.2): what the segments before its first scan say. They are found as libjpeg finds them.
// Any thread.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>

#include "dlfs/data/image.h"

namespace dlfs {

struct JpegFrame {
  int kind = 0;  // 0 baseline, 1 extended, 2 progressive
  Size stored;
  int components = 0;             // 1, 3 or 4
  std::array<int, 4> sampling{};  // of each component: 16 times across, and down
  int orientation = 1;            // EXIF's
};

// requires: a file that begins with FF D8. Throws FileError where it is of a kind that is not read.
JpegFrame read_jpeg_frame(std::span<const std::byte> file, const std::string& source);

}  // namespace dlfs
