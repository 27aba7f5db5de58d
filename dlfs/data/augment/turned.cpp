#include "dlfs/data/augment/turned.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace dlfs {
namespace {

constexpr double one = 0x1p32;
constexpr int64_t half = int64_t{1} << 31;

int64_t fixed(double x) { return static_cast<int64_t>(std::floor(x * one + 0.5)); }

// The bytes of a pixel, 16 bits apart (the first, the third, the second, the fourth), so that one multiplication serves
// all; and back.
uint64_t apart(uint32_t pixel) { return (pixel & 0x00FF00FF) | uint64_t{pixel >> 8 & 0x00FF00FF} << 32; }
uint32_t together(uint64_t apart) {
  return static_cast<uint32_t>(apart) | static_cast<uint32_t>(apart >> 32) << 8;
}

uint32_t pixel_at(const Image& image, size_t index) {
  if (image.channels != 4) return image.pixels[index];
  uint32_t pixel = 0;
  std::memcpy(&pixel, image.pixels.data() + 4 * index, 4);
  return pixel;
}

}  // namespace

Turned::Turned(const Part& part, const Decoded& decoded)
    : image_(decoded.image), where_(part.where), map_(part.to_source) {
  const double scale = decoded.scale;
  for (double* number : {&map_.a, &map_.b, &map_.c, &map_.d, &map_.e, &map_.f}) *number /= scale;
  corner_ = {fixed(decoded.covers.x / scale), fixed(decoded.covers.y / scale)};
  right_ = {fixed(map_.a), fixed(map_.d)};
  begin_ = {fixed(part.shown.left / scale) - corner_.x, fixed(part.shown.top / scale) - corner_.y};
  end_ = {fixed(part.shown.right / scale) - corner_.x, fixed(part.shown.bottom / scale) - corner_.y};
  const double shrinks =
      std::sqrt(std::max(map_.a * map_.a + map_.d * map_.d, map_.b * map_.b + map_.e * map_.e));
  const int n = static_cast<int>(std::clamp(shrinks, 1.0, 16.0));
  for (int j = 0; j < n; ++j)
    for (int i = 0; i < n; ++i) {
      const double right = (i + 0.5) / n - 0.5, down = (j + 0.5) / n - 0.5;
      beside_.push_back({fixed(map_.a * right + map_.b * down), fixed(map_.d * right + map_.e * down)});
    }
}

Turned::Place Turned::place(double x, double y) const {
  return {fixed(map_.a * x + map_.b * y + map_.c) - corner_.x,
          fixed(map_.d * x + map_.e * y + map_.f) - corner_.y};
}

// Of the four pixels about a place; each stands for its middle.
inline uint64_t Turned::sample(Place at) const {
  at = {at.x - half, at.y - half};
  const int width = image_.size.width, height = image_.size.height;
  const int64_t left = at.x >> 32, top = at.y >> 32;
  const auto column = [&](int64_t x) { return std::clamp<int64_t>(x, 0, width - 1); };
  const auto row = [&](int64_t y) { return std::clamp<int64_t>(y, 0, height - 1) * width; };
  int64_t first = top * width + left, right = 1, down = width;
  if (left < 0 || left + 1 >= width || top < 0 || top + 1 >= height) {
    first = row(top) + column(left);
    right = column(left + 1) - column(left);
    down = row(top + 1) - row(top);
  }
  const auto pixel = [&](int64_t index) { return apart(pixel_at(image_, static_cast<size_t>(index))); };
  const uint64_t x = (at.x >> 24) & 255, y = (at.y >> 24) & 255;
  const uint64_t both = (x * y + 128) >> 8;  // the four weights sum to 256
  const uint64_t sum = pixel(first) * (256 - x - y + both) + pixel(first + right) * (x - both) +
                       pixel(first + down) * (y - both) + pixel(first + down + right) * both;
  return (sum + 0x0080008000800080) >> 8 & 0x00FF00FF00FF00FF;
}

uint64_t Turned::mean(Place center) const {
  if (beside_.size() == 1) return sample(center);
  uint64_t sum = 0;  // of at most 256 bytes each
  for (const Place& b : beside_) sum += sample({center.x + b.x, center.y + b.y});
  const uint64_t part = (1 << 24) / beside_.size();
  uint64_t mean = 0;
  for (int shift = 0; shift < 64; shift += 16)
    mean |= ((sum >> shift & 0xFFFF) * part + (1 << 23)) >> 24 << shift;
  return mean;
}

Turned::Run Turned::row(int y, uint8_t* to) const {
  Place at = place(where_.x + 0.5, where_.y + y + 0.5);
  const auto inside = [&] { return at.x >= begin_.x && at.x < end_.x && at.y >= begin_.y && at.y < end_.y; };
  Run run;
  for (; run.first < where_.width && !inside(); ++run.first) at = {at.x + right_.x, at.y + right_.y};
  for (; run.first + run.count < where_.width && inside(); ++run.count) {
    const uint32_t pixel = together(mean(at));
    std::memcpy(to, &pixel, static_cast<size_t>(image_.channels));
    to += image_.channels;
    at = {at.x + right_.x, at.y + right_.y};
  }
  return run;
}

}  // namespace dlfs
