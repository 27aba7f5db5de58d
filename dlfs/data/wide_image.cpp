#include "dlfs/data/wide_image.h"

#include <algorithm>
#include <cmath>
#include <new>

#include "dlfs/base/error.h"
#include "dlfs/data/codec/pgm.h"
#include "dlfs/data/codec/png.h"

namespace dlfs {
namespace {

// How much of which pixels goes into one new pixel of a line.
struct Taps {
  int first = 0;
  std::vector<float> weights;
};

// requires: to is smaller than from. The new pixel covers so much of each old one.
Taps average(int at, int from, int to) {
  const double size = static_cast<double>(from) / to, begin = at * size,
               end = std::min<double>(begin + size, from);
  Taps taps{static_cast<int>(begin), {}};
  for (int i = taps.first; i < end; ++i)
    taps.weights.push_back(
        static_cast<float>((std::min<double>(end, i + 1) - std::max<double>(begin, i)) / size));
  return taps;
}

Taps interpolate(int at, int from, int to) {
  const double center = std::clamp((at + 0.5) * from / to - 0.5, 0.0, from - 1.0);
  const int first = static_cast<int>(center);
  const auto part = static_cast<float>(center - first);
  return part > 0 ? Taps{first, {1 - part, part}} : Taps{first, {1}};
}

// Lines that lie side by side, all resized: [before,from,beside] -> [before,to,beside].
struct Lines {
  int before, from, beside;
};

std::vector<float> resize(const std::vector<float>& values, const Lines& lines, int to) {
  if (lines.from == to) return values;
  const auto [before, from, beside] = lines;
  std::vector<float> resized(static_cast<size_t>(before) * to * beside, 0.0F);
  for (int x = 0; x < to; ++x) {
    const Taps taps = to < from ? average(x, from, to) : interpolate(x, from, to);
    for (int line = 0; line < before; ++line)
      for (size_t tap = 0; tap < taps.weights.size(); ++tap) {
        const float* source = &values[(static_cast<size_t>(line) * from + taps.first + tap) * beside];
        float* target = &resized[(static_cast<size_t>(line) * to + x) * beside];
        for (int i = 0; i < beside; ++i) target[i] += taps.weights[tap] * source[i];
      }
  }
  return resized;
}

}  // namespace

void refuse_size(Size size, const std::string& who, const std::string& source) {
  if (size.width < 1 || size.height < 1 || int64_t{size.width} * size.height > most_pixels)
    throw FileError(who, concat(source, ": declares ", size.width, " x ", size.height, " pixels, but 1 to ",
                                most_pixels, " are read"));
}

WideImage read_wide_image(const std::string& path) try {
  const Bytes file = read_file(path);
  const std::string_view text = text_of(file);
  if (text.substr(0, 4) == "\x89PNG") return decode_png(file, path);
  if (text.substr(0, 2) == "P2" || text.substr(0, 2) == "P5") return decode_pgm(file, path);
  throw FileError("image", path + ": is neither PNG nor PGM (P2, P5)");
} catch (const std::bad_alloc&) {
  throw FileError("image", path + ": is too large for the memory that there is");
}

std::vector<float> convert(const WideImage& image, const ImageFormat& to) {
  DLFS_CHECK(to.channels == 1 || to.channels == 3, "a format of ", to.channels, " channels");
  const size_t pixels = static_cast<size_t>(image.size.width) * image.size.height;
  std::vector<float> values(pixels * to.channels);
  const auto sample = [&](size_t i) { return static_cast<float>(image.samples[i]) / 65535; };
  for (size_t i = 0; i < pixels; ++i) {
    if (to.channels == image.channels)
      for (int c = 0; c < to.channels; ++c) values[i * to.channels + c] = sample(i * to.channels + c);
    else if (to.channels == 1)
      values[i] = 0.299F * sample(3 * i) + 0.587F * sample(3 * i + 1) + 0.114F * sample(3 * i + 2);
    else
      std::fill_n(&values[3 * i], 3, sample(i));
  }
  const int width = image.size.width, height = image.size.height;
  const auto across = [&](int rows) {
    values = resize(values, {.before = rows, .from = width, .beside = to.channels}, to.size.width);
  };
  const auto down = [&](int columns) {
    values = resize(values, {.before = 1, .from = height, .beside = columns * to.channels}, to.size.height);
  };
  // The way on which less lies in between: a line of pixels may be as long as it likes.
  if (int64_t{to.size.height} * width < int64_t{height} * to.size.width) {
    down(width);
    across(to.size.height);
  } else {
    across(height);
    down(to.size.width);
  }
  return values;
}

}  // namespace dlfs
