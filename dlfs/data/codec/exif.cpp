#include "dlfs/data/codec/exif.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "dlfs/base/file.h"

namespace dlfs {
namespace {

Box mirrored(const Turn& turn, Box box) {
  if (turn.mirrors_columns()) box.x = turn.stored.width - box.x - box.width;
  if (turn.mirrors_rows()) box.y = turn.stored.height - box.y - box.height;
  return box;
}

Box swapped(const Turn& turn, Box box) {
  return turn.swaps() ? Box{.x = box.y, .y = box.x, .width = box.height, .height = box.width} : box;
}

// [height,width,channels]
template <int Channels>
void copy_turned(const Image& stored, const Turn& turn, Image& upright) {
  const int64_t columns = turn.mirrors_columns() ? -Channels : Channels;
  const int64_t rows = int64_t{Channels} * stored.size.width * (turn.mirrors_rows() ? -1 : 1);
  int64_t line = 0;
  if (turn.mirrors_columns()) line += int64_t{Channels} * (stored.size.width - 1);
  if (turn.mirrors_rows()) line += int64_t{Channels} * stored.size.width * (stored.size.height - 1);
  const auto [down, across] = turn.swaps() ? std::pair(columns, rows) : std::pair(rows, columns);
  uint8_t* to = upright.pixels.data();
  for (int y = 0; y < upright.size.height; ++y, line += down) {
    int64_t from = line;
    for (int x = 0; x < upright.size.width; ++x, from += across, to += Channels)
      std::memcpy(to, stored.pixels.data() + from, Channels);
  }
}

}  // namespace

int exif_orientation(std::span<const std::byte> tiff) {
  constexpr uint64_t tag = 0x0112, as_short = 3, entry_bytes = 12;
  const std::string_view text = text_of(tiff);
  const bool little = text.substr(0, 4) == std::string_view("II*\0", 4);
  if (!little && text.substr(0, 4) != std::string_view("MM\0*", 4)) return 1;
  // What lies behind the end is 0, and so is nothing that is looked for.
  const auto number = [&](uint64_t at, uint64_t bytes) {
    uint64_t value = 0;
    for (uint64_t i = 0; i < bytes; ++i) {
      const uint64_t place = at + (little ? bytes - 1 - i : i);
      value = 256 * value + (place < tiff.size() ? std::to_integer<uint64_t>(tiff[place]) : 0);
    }
    return value;
  };
  const uint64_t folder = number(4, 4), entries = number(folder, 2);
  for (uint64_t at = folder + 2; at < std::min<uint64_t>(folder + 2 + entries * entry_bytes, tiff.size());
       at += entry_bytes) {
    if (number(at, 2) != tag || number(at + 2, 2) != as_short) continue;
    const uint64_t value = number(at + 8, 2);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

Box Turn::to_stored(Box upright) const { return mirrored(*this, dlfs::swapped(*this, upright)); }

Box Turn::to_upright(Box part_of_stored) const {
  return dlfs::swapped(*this, mirrored(*this, part_of_stored));
}

void turn_upright(Image& image, int orientation) {
  if (orientation == 1) return;
  const Turn turn{.orientation = orientation, .stored = image.size};
  Image upright{.size = turn.upright(), .channels = image.channels, .pixels = {}};
  upright.pixels.resize(image.pixels.size());
  if (image.channels == 1)
    copy_turned<1>(image, turn, upright);
  else if (image.channels == 3)
    copy_turned<3>(image, turn, upright);
  else
    copy_turned<4>(image, turn, upright);
  image = std::move(upright);
}

}  // namespace dlfs
