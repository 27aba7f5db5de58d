#include "dlfs/data/augment/turned.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace dlfs {
namespace {

constexpr double one = 0x1p32;
constexpr int64_t half = int64_t{1} << 31;

int64_t fixed(double x) { return static_cast<int64_t>(std::floor(x * one + 0.5)); }

}  // namespace

Turned::Turned(const Part& part, const Decoded& decoded)
    : image_(decoded.image), where_(part.where), map_(part.to_source) {
  const double scale = decoded.scale;
  for (double* number : {&map_.a, &map_.b, &map_.c, &map_.d, &map_.e, &map_.f}) *number /= scale;
  corner_ = {fixed(decoded.covers.x / scale), fixed(decoded.covers.y / scale)};
  right_ = {fixed(map_.a), fixed(map_.d)};
  down_ = {fixed(map_.b), fixed(map_.e)};
  begin_ = {fixed(part.shown.left / scale) - corner_.x, fixed(part.shown.top / scale) - corner_.y};
  end_ = {fixed(part.shown.right / scale) - corner_.x, fixed(part.shown.bottom / scale) - corner_.y};
  const double shrinks =
      std::sqrt(std::max(map_.a * map_.a + map_.d * map_.d, map_.b * map_.b + map_.e * map_.e));
  samples_ = std::clamp(static_cast<int>(shrinks), 1, 64);
}

Turned::Place Turned::place(double x, double y) const {
  return {fixed(map_.a * x + map_.b * y + map_.c) - corner_.x,
          fixed(map_.d * x + map_.e * y + map_.f) - corner_.y};
}

// The bytes of one pixel, the first the lowest. Two of them are weighted in one multiplication.
uint32_t Turned::sample(Place at) const {
  at = {at.x - half, at.y - half};  // a pixel's value stands in its middle
  const auto clamped = [](int64_t i, int size) {
    return static_cast<size_t>(std::clamp<int64_t>(i, 0, size - 1));
  };
  const size_t left = clamped(at.x >> 32, image_.size.width),
               right = clamped((at.x >> 32) + 1, image_.size.width);
  const size_t top = clamped(at.y >> 32, image_.size.height) * image_.size.width,
               bottom = clamped((at.y >> 32) + 1, image_.size.height) * image_.size.width;
  const uint32_t x = (at.x >> 24) & 255, y = (at.y >> 24) & 255;
  const uint32_t both = (x * y + 128) >> 8;  // the four weights sum to 256
  const uint8_t* pixels = image_.pixels.data();
  uint32_t even = 0x00800080, odd = 0x00800080;
  const auto add = [&](size_t pixel, uint32_t weight) {
    uint32_t value = 0;
    if (image_.channels == 4)
      std::memcpy(&value, pixels + 4 * pixel, 4);
    else
      value = pixels[pixel];
    even += (value & 0x00FF00FF) * weight;
    odd += (value >> 8 & 0x00FF00FF) * weight;
  };
  add(top + left, 256 - x - y + both);
  add(top + right, x - both);
  add(bottom + left, y - both);
  add(bottom + right, both);
  return (even >> 8 & 0x00FF00FF) | (odd & 0xFF00FF00);
}

// Of several places that lie evenly in one pixel of the output.
uint32_t Turned::mean(Place center) const {
  const int n = samples_;
  uint32_t sums[4] = {};
  for (int j = 0; j < n; ++j)
    for (int i = 0; i < n; ++i) {
      const int right = 2 * i + 1 - n, down = 2 * j + 1 - n;  // in parts of 2 n of the pixel
      const uint32_t value = sample({center.x + (right_.x * right + down_.x * down) / (2 * n),
                                     center.y + (right_.y * right + down_.y * down) / (2 * n)});
      for (int c = 0; c < 4; ++c) sums[c] += value >> (8 * c) & 255;
    }
  const auto count = static_cast<uint32_t>(n * n);
  uint32_t value = 0;
  for (int c = 0; c < 4; ++c) value |= (sums[c] + count / 2) / count << (8 * c);
  return value;
}

Turned::Run Turned::row(int y, uint8_t* to) const {
  Place at = place(where_.x + 0.5, where_.y + y + 0.5);
  Run run;
  for (int x = 0; x < where_.width; ++x, at = {at.x + right_.x, at.y + right_.y}) {
    if (at.x < begin_.x || at.x >= end_.x || at.y < begin_.y || at.y >= end_.y) {
      if (run.count > 0) break;
      continue;
    }
    if (run.count++ == 0) run.first = x;
    const uint32_t value = samples_ == 1 ? sample(at) : mean(at);
    std::memcpy(to, &value, static_cast<size_t>(image_.channels));
    to += image_.channels;
  }
  return run;
}

}  // namespace dlfs
