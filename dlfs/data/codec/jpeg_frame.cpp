#include "dlfs/data/codec/jpeg_frame.h"

#include <algorithm>
#include <string_view>

#include "dlfs/base/error.h"
#include "dlfs/base/file.h"
#include "dlfs/data/codec/exif.h"

namespace dlfs {
namespace {

constexpr int start_of_frame = 0xC0, end_of_image = 0xD9, start_of_scan = 0xDA, exif_segment = 0xE1;

[[noreturn]] void refuse(const std::string& source, const std::string& fact) {
  throw FileError("jpeg", source + ": " + fact);
}

bool is_frame(int marker) {
  return marker >= start_of_frame && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

// requires: `at` is behind the marker and the length of the segment.
template <typename Byte>
JpegFrame parse(const Byte& byte, size_t at, int kind, const std::string& source) {
  const int bits = byte(at);
  JpegFrame frame{.kind = kind,
                  .stored = {256 * byte(at + 3) + byte(at + 4), 256 * byte(at + 1) + byte(at + 2)}};
  frame.components = byte(at + 5);
  if (kind > 2 || bits != 8)
    refuse(source, concat("is of JPEG's kind ", kind, " with ", bits,
                          " bits, but 0 to 2 (baseline, extended, progressive) with 8 are read"));
  if (frame.components != 1 && frame.components != 3 && frame.components != 4)
    refuse(source, concat("has ", frame.components, " components, but 1, 3 or 4 are read"));
  for (int i = 0; i < frame.components; ++i) frame.sampling[i] = byte(at + 7 + 3 * i);
  return frame;
}

}  // namespace

JpegFrame read_jpeg_frame(std::span<const std::byte> file, const std::string& source) {
  constexpr std::string_view exif("Exif\0\0", 6);
  const auto byte = [&](size_t at) {
    if (at >= file.size()) refuse(source, "ends in its header");
    return std::to_integer<int>(file[at]);
  };
  int orientation = 0;
  for (size_t at = 2;;) {
    while (byte(at) != 0xFF) ++at;
    while (byte(at) == 0xFF) ++at;
    const int marker = byte(at++);
    if (marker < 2 || (marker >= 0xD0 && marker < end_of_image)) continue;  // without a length
    if (marker == end_of_image || marker == start_of_scan)
      refuse(source, "has no frame before its first scan");
    const size_t length = 256 * byte(at) + byte(at + 1);
    if (length < 2) refuse(source, concat("has a segment of ", length, " bytes"));
    if (is_frame(marker)) {
      JpegFrame frame = parse(byte, at + 2, marker - start_of_frame, source);
      frame.orientation = std::max(orientation, 1);
      return frame;
    }
    const auto rest = file.subspan(at + 2), segment = rest.first(std::min(length - 2, rest.size()));
    if (marker == exif_segment && orientation == 0 && text_of(segment).substr(0, exif.size()) == exif)
      orientation = exif_orientation(segment.subspan(exif.size()));
    at += length;
  }
}

}  // namespace dlfs
