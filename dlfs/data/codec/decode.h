// Image files in: JPEG, PNG and PGM, told by their first bytes. Nothing in a file is believed: what its header declares
// is held against the limits, and against the bytes that are there, before memory is taken; work is bounded; and every
// fault is a FileError that names the source. EXIF orientation is applied: all sizes and windows are of the upright image.
// Any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "dlfs/base/file.h"
#include "dlfs/data/image.h"

namespace dlfs {

struct DecodeLimits {
  int64_t pixels = int64_t{1} << 26;  // of one image
  int side = 65535;
  size_t memory = size_t{512} << 20;       // of the codec's own
  int scans = 100;                         // of a progressive JPEG
  std::chrono::milliseconds time{10'000};  // of one decode
  size_t own_scan_reader = 16384;  // baseline scans of so many bytes are read by our own, faster reader
};

enum class Codec : uint8_t { jpeg, png, pgm };

// What a header says.
struct ImageHeader {
  Codec codec = Codec::jpeg;
  Size size;            // upright
  int channels = 3;     // 1 gray, 3 colour (CMYK counts as colour)
  int orientation = 1;  // EXIF's, 1 to 8: how the stored rows and columns lie
  bool progressive = false;
  bool baseline_420_or_444 = false;  // what every JPEG decoder of a GPU takes
};
// The first bytes of a file are enough where they reach its size (PNG: its pixels); else they are refused.
ImageHeader inspect_image(std::span<const std::byte> file, const std::string& source,
                          const DecodeLimits& limits = {});

struct DecodeRequest {
  int channels = 3;  // as in Image. Colour becomes gray by ITU-R BT.601's luma, gray three equal channels
  std::optional<Box> window = {};  // only this part of the upright image is wanted, and lies in it
  // The window may come smaller, at a half, a quarter or an eighth, as long as it keeps this size: JPEG can be decoded so
  // for less. {} asks for the full size.
  std::optional<Size> at_least = {};
};

struct Decoded {
  Image image;
  // The part of the upright image that `image` shows: the window, or more. Its size is image.size times `scale`, so at a
  // smaller scale it may pass the image's border by less than `scale`.
  Box covers = {};
  int scale = 1;    // 1, 2, 4 or 8
  Size whole = {};  // of the upright image
};

// `into` may hold an earlier result, whose memory is used again.
void decode_image(std::span<const std::byte> file, const std::string& source, const DecodeRequest& request,
                  Decoded& into, const DecodeLimits& limits = {});

// A whole file, in its own channels (1 or 3). Throws FileError.
Image read_image(const std::string& path, const DecodeLimits& limits = {});

}  // namespace dlfs
