#include <algorithm>
#include <array>
#include <limits>

#include "dlfs/base/error.h"
#include "dlfs/data/codec/decode.h"
#include "dlfs/data/codec/exif.h"
#include "dlfs/testing/fuzz.h"

namespace dlfs::testing {
namespace {

// The last bytes of an input also choose what is asked of it.
class Choice {
 public:
  explicit Choice(std::span<const std::byte> input) : left_(input) {}
  int below(int bound) {
    const int value = left_.empty() ? 0 : std::to_integer<int>(left_.back());
    left_ = left_.first(left_.size() - (left_.empty() ? 0 : 1));
    return value * bound / 256;
  }

 private:
  std::span<const std::byte> left_;
};

// What is read of a part must be what was read of the whole.
void check_part(const Decoded& whole, const Decoded& part, const Box& window) {
  const Box& covers = part.covers;
  const auto [width, height] = part.image.size;
  DLFS_CHECK(covers.width == width * part.scale && covers.height == height * part.scale, covers.width,
             covers.height);
  DLFS_CHECK(covers.x <= window.x && covers.x + covers.width >= window.x + window.width, covers.x,
             covers.width);
  DLFS_CHECK(covers.y <= window.y && covers.y + covers.height >= window.y + window.height, covers.y,
             covers.height);
  const size_t channels = part.image.channels, line = channels * width;
  DLFS_CHECK(part.image.pixels.size() == line * height, part.image.pixels.size());
  for (int y = 0; y < height && part.scale == 1; ++y) {
    const size_t at = ((size_t{1} * y + covers.y) * whole.image.size.width + covers.x) * channels;
    DLFS_CHECK(std::equal(&part.image.pixels[y * line], &part.image.pixels[y * line] + line,
                          &whole.image.pixels[at]),
               "row ", y, " of the part");
  }
}

// CRC-32 as PNG has it (ISO 3309).
uint32_t checksum(std::span<const std::byte> bytes) {
  uint32_t sum = 0xFFFFFFFF;
  for (const std::byte byte : bytes) {
    sum ^= std::to_integer<uint32_t>(byte);
    for (int bit = 0; bit < 8; ++bit) sum = sum >> 1 ^ (0xEDB88320 & (0 - (sum & 1)));
  }
  return ~sum;
}

}  // namespace

void fuzz_image(std::span<const std::byte> input) {
  static Decoded whole, part, alone;
  DecodeLimits limits{.pixels = 1 << 20,
                      .memory = size_t{64} << 20,
                      .time = std::chrono::seconds(60),
                      .own_scan_reader = std::numeric_limits<size_t>::max()};
  Choice choice(input);
  const int channels = std::array{1, 3, 4}[choice.below(3)];
  const auto [width, height] = inspect_image(input, "input", limits).size;
  const auto decoded_by_libjpeg_alone = [&] {
    try {
      decode_image(input, "input", {.channels = channels}, alone, limits);
      return true;
    } catch (const FileError&) {
      return false;
    }
  };
  const bool is_picture = decoded_by_libjpeg_alone();
  limits.own_scan_reader = 0;
  try {
    decode_image(input, "input", {.channels = channels}, whole, limits);
  } catch (const FileError&) {
    DLFS_CHECK(!is_picture, "our scan reader refuses what libjpeg reads");
    throw;
  }
  DLFS_CHECK(is_picture && whole.image.pixels == alone.image.pixels, "our scan reader reads otherwise");
  Box window{.x = choice.below(width), .y = choice.below(height)};
  window.width = 1 + choice.below(width - window.x);
  window.height = 1 + choice.below(height - window.y);
  const int scale = 1 << choice.below(4);
  try {
    decode_image(input, "input", {channels, window, Size{window.width / scale, window.height / scale}}, part,
                 limits);
  } catch (const FileError& error) {
    throw InternalError("fuzz", concat("the whole is read, but a part of it not: ", error.what()));
  }
  check_part(whole, part, window);
}

// The sums of all chunks are made right first, or fuzzing would not come behind them.
void fuzz_png(std::span<const std::byte> input) {
  Bytes file(input.begin(), input.end());
  constexpr size_t signature = 8, around = 12;
  for (size_t at = signature; at + around <= file.size();) {
    size_t length = 0;
    for (size_t i = at; i < at + 4; ++i) length = 256 * length + std::to_integer<size_t>(file[i]);
    if (length > file.size() - at - around) break;
    const uint32_t sum = checksum(std::span(file).subspan(at + 4, 4 + length));
    for (int i = 0; i < 4; ++i) file[at + 8 + length + i] = static_cast<std::byte>(sum >> (24 - 8 * i));
    at += around + length;
  }
  fuzz_image(file);
}

void fuzz_exif(std::span<const std::byte> input) {
  const int orientation = exif_orientation(input);
  DLFS_CHECK(orientation >= 1 && orientation <= 8, orientation);
}

}  // namespace dlfs::testing
