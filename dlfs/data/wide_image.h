// An image that somebody has, of any size, gray or in colour: what is read of it, and how it becomes what a model takes.
// Nothing in a file is believed: its size is held against the bytes that are there before memory is taken, and every
// fault is a FileError that names the file. Any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "dlfs/base/file.h"
#include "dlfs/data/picture.h"

namespace dlfs {

inline constexpr int64_t most_pixels = int64_t{1} << 26;  // of one image; more is refused

struct WideImage {
  Size size;
  int channels = 1;  // 1 gray, 3 red, green and blue
  std::vector<uint16_t>
      samples;  // [height,width,channels], 0 to 65535 whatever the file's depth: 8 bits times 257
};

WideImage read_wide_image(const std::string& path);  // a PNG or PGM file, told by its first bytes

// Throws FileError where an image of this size is refused.
void refuse_size(Size size, const std::string& who, const std::string& source);

// [height,width,channels] in [0,1], as a model takes it. Colour becomes gray by ITU-R BT.601's luma (0.299 red, 0.587
// green, 0.114 blue), gray three equal channels. Each side is resized by itself, so the image may be stretched: averaged
// over the area of the new pixels where it shrinks, interpolated linearly between their centers where it grows. What has
// the size already is taken as it is.
struct ImageFormat {
  Size size;
  int channels = 1;
};
// Throws std::bad_alloc where there is no memory for it: some 20 bytes a pixel at most.
std::vector<float> convert(const WideImage& image, const ImageFormat& to);

}  // namespace dlfs
