// Parts of decoded images drawn into u8 images [n,h,w,c] on the card, as the CPU's renderer draws them: a triangle filter
// as wide as the step where it shrinks, first along rows, then along columns, rounded to a byte between. A pixel differs by
// a level at most, since weights are f32 here and integers there. Free of the vendor's headers, and constexpr functions
// serve in kernels, so that the arithmetic is tested on any machine.
#pragma once

#include <cstdint>

#include "dlfs/tensor/device.h"

namespace dlfs {

// An upright image: where its first pixel lies, and how many bytes on the next one and the next row lie.
struct Upright {
  const uint8_t* first = nullptr;
  int64_t across = 0, down = 0;
  int width = 0, height = 0;
};

// An image as its file stores it.
struct Stored {
  const uint8_t* pixels = nullptr;
  int64_t pitch = 0;
  int width = 0, height = 0, channels = 3;
  int orientation = 1;  // EXIF's, 1 to 8
};
constexpr Upright upright(const Stored& of) {
  const int o = of.orientation;
  const bool right_to_left = o == 2 || o == 3 || o == 7 || o == 8, bottom_up = o >= 3 && o != 5 && o != 8;
  Upright made{
      .first = of.pixels, .across = of.channels, .down = of.pitch, .width = of.width, .height = of.height};
  if (right_to_left) {
    made.first += (of.width - 1) * made.across;
    made.across = -made.across;
  }
  if (bottom_up) {
    made.first += (of.height - 1) * made.down;
    made.down = -made.down;
  }
  if (o < 5) return made;
  return {
      .first = made.first, .across = made.down, .down = made.across, .width = of.height, .height = of.width};
}

// From the output to the image along one axis, of points: u = step * x + start; a pixel's center lies at + 0.5.
struct AxisMap {
  double step = 1, start = 0;
};

struct ResamplePart {
  Upright image = {};
  int x = 0, y = 0, width = 0, height = 0;  // of the output
  AxisMap across = {}, down = {};
  int weight = 256;  // of 256, over what the parts before it have drawn
};

struct ResampleSample {
  int first = 0,
      count = 0;  // of the parts; their order is that of drawing. Below 0: the image is left as it is
  int width = 0, height = 0;  // beyond lie zeros, within, where no part is, the fill
};

// Which pixels of `size` along one axis make one of the output, and with which weights.
struct FilterTaps {
  constexpr FilterTaps(const AxisMap& map, int at, int size) {
    const double center = map.step * (at + 0.5) + map.start, step = map.step < 0 ? -map.step : map.step;
    const double reach = step > 1 ? step : 1;
    first = whole(center - reach + 0.5, 0, size - 1);
    count = whole(center + reach + 0.5, first + 1, size) - first;
    beside_ = static_cast<float>(first + 0.5 - center);
    slope_ = static_cast<float>(1 / reach);
    float sum = 0;
    for (int tap = 0; tap < count; ++tap) sum += height(tap);
    if (sum == 0) count = 1;  // beyond the image: its edge
    scale_ = 1 / sum;
    edge_ = sum == 0;
  }
  constexpr float weight(int tap) const { return edge_ ? 1 : height(tap) * scale_; }

  int first = 0, count = 0;

 private:
  constexpr float height(int tap) const {
    const float distance = beside_ + static_cast<float>(tap),
                part = (distance < 0 ? -distance : distance) * slope_;
    return part < 1 ? 1 - part : 0;
  }
  static constexpr int whole(double value, int least, int most) {  // rounded down
    if (!(value > least)) return least;
    if (value >= most) return most;
    return static_cast<int>(value);  // least is not negative, so nor is this
  }

  float beside_ = 0, slope_ = 1, scale_ = 1;
  bool edge_ = false;
};

// Rounded as integers are: half a level up.
constexpr float to_level(float value) {
  constexpr float half = 0.5F;
  const int level = static_cast<int>(value + half);
  return static_cast<float>(level < 255 ? level : 255);
}

// One pixel of the output, over what is there. requires: x, y within the part.
template <int Channels>
constexpr void draw_pixel(const ResamplePart& part, int x, int y, float (&pixel)[Channels]) {
  const FilterTaps across(part.across, x, part.image.width), down(part.down, y, part.image.height);
  const uint8_t* row = part.image.first + down.first * part.image.down + across.first * part.image.across;
  float sums[Channels] = {};
  for (int j = 0; j < down.count; ++j, row += part.image.down) {
    float line[Channels] = {};
    const uint8_t* from = row;
    for (int i = 0; i < across.count; ++i, from += part.image.across) {
      const float weight = across.weight(i);
      for (int k = 0; k < Channels; ++k) line[k] += weight * static_cast<float>(from[k]);
    }
    const float weight = down.weight(j);
    for (int k = 0; k < Channels; ++k) sums[k] += weight * to_level(line[k]);
  }
  for (int k = 0; k < Channels; ++k) {
    const int level = static_cast<int>(to_level(sums[k])), before = static_cast<int>(pixel[k]);
    pixel[k] = static_cast<float>((before * (256 - part.weight) + level * part.weight + 128) >> 8);
  }
}

// to [n,h,w,1 or 3] u8: sample i of the table is image i. The tables lie on the card. Only enqueues.
struct ResampleTable {
  const ResampleSample* samples = nullptr;
  const ResamplePart* parts = nullptr;
  uint8_t fill = 0;
};
void resample(const ResampleTable& table, const Tensor& to, Stream stream);

}  // namespace dlfs
