// What both halves of prepare go by: which pixels a look shows, and the one formula for a channel. nvcc lets constexpr
// functions run in kernels.
#pragma once

#include "dlfs/ops/prepare/prepare.h"

namespace dlfs {

// Where a look shows something, in whole pixels of [h,w]; never outside of them, whatever the numbers are.
struct Shown {
  constexpr Shown(const Look& look, int h, int w)
      : width(whole(look.width, w)),
        height(whole(look.height, h)),
        left(whole(look.erased[0], width)),
        top(whole(look.erased[1], height)),
        right(whole(look.erased[0] + look.erased[2], width)),
        bottom(whole(look.erased[1] + look.erased[3], height)),
        flip(look.flip != 0) {}

  constexpr bool at(int x, int y) const {
    return x < width && y < height && !(x >= left && x < right && y >= top && y < bottom);
  }
  constexpr int source(int x) const { return flip ? width - 1 - x : x; }  // negative where nothing is shown

  int width, height;             // of the image
  int left, top, right, bottom;  // of what is erased
  bool flip;

 private:
  static constexpr int whole(float value, int most) {
    return value > 0 ? (value < static_cast<float>(most) ? static_cast<int>(value) : most) : 0;
  }
};

// (q / 255 - mean) / deviation as one product and one sum.
struct Normaliser {
  explicit Normaliser(const PrepareSettings& settings) {
    for (size_t k = 0; k < settings.mean.size(); ++k) {
      scale[k] = 1 / (255 * settings.deviation[k]);
      shift[k] = -settings.mean[k] / settings.deviation[k];
    }
  }
  constexpr float of(float q, int channel) const {
    q = q > 0 ? q : 0;
    return (q < 255 ? q : 255) * scale[channel] + shift[channel];
  }

  float scale[4] = {}, shift[4] = {};
};

// Channel k of y, of a pixel's `count` channels.
template <typename Channel>
constexpr float prepared(const Look& look, const Normaliser& normal, const Channel* pixel, int count, int k) {
  float q = look.colour[3 * k] * static_cast<float>(pixel[0]);
  for (int from = 1; from < count; ++from) q += look.colour[3 * k + from] * static_cast<float>(pixel[from]);
  return normal.of(q + look.offset[k], k);
}

}  // namespace dlfs
