#include "dlfs/data/loader/plain_jpeg.h"

#include <cstring>

#include "dlfs/base/file.h"

namespace dlfs {
namespace {

using Segment = std::span<const std::byte>;  // behind the marker and the length

constexpr int most_scans = 100;

enum Marker : int {
  end_of_image = 0xD9,
  scan = 0xDA,
  quantisation = 0xDB,
  restarts = 0xDD,
  huffman = 0xC4,
  baseline = 0xC0,
  progressive = 0xC2,
  adobe = 0xEE,
  first_application = 0xE0,
  last_application = 0xEF,
  comment = 0xFE
};

int at(Segment bytes, size_t place) { return std::to_integer<int>(bytes[place]); }

bool is_quantisation(Segment tables) {
  while (!tables.empty()) {
    const int kind = at(tables, 0);
    const size_t size = 1 + 64 * static_cast<size_t>(1 + (kind >> 4));
    if (kind >> 4 > 1 || (kind & 15) > 3 || size > tables.size()) return false;
    tables = tables.subspan(size);
  }
  return true;
}

bool is_huffman(Segment tables) {
  while (!tables.empty()) {
    if (tables.size() < 17 || at(tables, 0) >> 4 > 1 || (at(tables, 0) & 15) > 3) return false;
    int codes = 0, room = 1;  // room: codes of this length that no shorter one has taken
    for (size_t length = 1; length <= 16; ++length) {
      const int here = at(tables, length);
      room = 2 * room - here;
      codes += here;
      if (room < 0) return false;
    }
    if (codes > 256 || 17U + codes > tables.size()) return false;
    tables = tables.subspan(17 + static_cast<size_t>(codes));
  }
  return true;
}

// Of one component, or of three that are not named R, G, B.
bool is_frame(Segment frame) {
  if (frame.size() < 6 || at(frame, 0) != 8) return false;
  const int components = at(frame, 5);
  if ((components != 1 && components != 3) || frame.size() != 6 + 3 * static_cast<size_t>(components))
    return false;
  for (int i = 0; i < components; ++i) {
    const int sampling = at(frame, 7 + 3 * i), across = sampling >> 4, down = sampling & 15;
    if (across < 1 || across > 4 || down < 1 || down > 4 || at(frame, 8 + 3 * i) > 3) return false;
  }
  return components == 1 || at(frame, 6) != 'R' || at(frame, 9) != 'G' || at(frame, 12) != 'B';
}

bool is_scan(Segment header) {
  if (header.size() < 4) return false;
  const int components = at(header, 0);
  return components >= 1 && components <= 3 && header.size() == 4 + 2 * static_cast<size_t>(components);
}

bool says_not_ycc(Segment adobe_segment) {
  return adobe_segment.size() >= 12 && text_of(adobe_segment).substr(0, 5) == "Adobe" &&
         at(adobe_segment, 11) == 0;
}

// Where coded data end: at the next marker, which neither a stuffed zero nor a restart is.
size_t end_of_data(std::span<const std::byte> file, size_t place) {
  while (place + 1 < file.size()) {
    const void* const found = std::memchr(&file[place], 0xFF, file.size() - 1 - place);
    if (found == nullptr) break;
    place = static_cast<size_t>(static_cast<const std::byte*>(found) - file.data());
    const int next = at(file, place + 1);
    if (next != 0 && (next < 0xD0 || next > 0xD7)) return place;
    place += 2;
  }
  return file.size();
}

}  // namespace

size_t plain_jpeg(std::span<const std::byte> file, std::byte* to) {
  if (text_of(file).substr(0, 2) != "\xFF\xD8") return 0;
  size_t written = 0, place = 2;
  bool not_ycc = false;
  int components = 0, scans = 0;  // components: 0 before the frame
  const auto copy = [&](std::span<const std::byte> bytes) {
    std::memcpy(to + written, bytes.data(), bytes.size());
    written += bytes.size();
  };
  copy(file.first(2));
  while (place + 2 <= file.size()) {
    const size_t begin = place;
    if (at(file, place) != 0xFF) return 0;
    const int marker = at(file, place + 1);
    if (marker == 0xFF) {  // padding
      ++place;
      continue;
    }
    if (marker == end_of_image) {  // what follows is no part of the picture
      copy(file.subspan(begin, 2));
      return scans > 0 ? written : 0;
    }
    if (place + 4 > file.size()) return 0;
    const size_t length =
        256 * static_cast<size_t>(at(file, place + 2)) + static_cast<size_t>(at(file, place + 3));
    if (length < 2 || length > file.size() - place - 2) return 0;
    const Segment segment = file.subspan(place + 4, length - 2);
    place += 2 + length;
    bool good = true;
    if (marker == adobe) not_ycc = not_ycc || says_not_ycc(segment);
    if (marker >= first_application && marker <= last_application) continue;
    if (marker == comment) continue;
    if (marker == scan) {
      good = components != 0 && is_scan(segment) && !(components == 3 && not_ycc) && ++scans <= most_scans;
      place = end_of_data(file, place);
    } else if (marker >= baseline && marker <= progressive) {
      good = components == 0 && is_frame(segment);
      components = good ? at(segment, 5) : 0;
    } else if (marker == quantisation) {
      good = is_quantisation(segment);
    } else if (marker == huffman) {
      good = is_huffman(segment);
    } else {
      good = marker == restarts && segment.size() == 2;
    }
    if (!good) return 0;
    copy(file.subspan(begin, place - begin));
  }
  return 0;
}

}  // namespace dlfs
