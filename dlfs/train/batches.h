// Batches of labelled images as the net sees them: f32 (pixel / 255 - mean) / deviation, in the order of an epoch that
// is a function of (seed, epoch) alone. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "dlfs/data/idx.h"

namespace dlfs {

struct PixelStatistics {
  float mean = 0, deviation = 1;  // of pixels in [0,1]
};
PixelStatistics pixel_statistics(const LabelledImages& images);

struct Batch {
  std::vector<float> images;    // [n,h,w,1]
  std::vector<int32_t> labels;  // [n,1,1,1]
};

class Batches {
 public:
  Batches(const LabelledImages& images, PixelStatistics statistics);

  // Images order[first], order[first + 1], … as many as `size`.
  void fill(Batch& batch, const std::vector<uint32_t>& order, int64_t first, int size) const;

 private:
  const LabelledImages& images_;
  std::array<float, 256> normalised_;  // by the value of the pixel
};

// The order of an epoch of training: all images, shuffled.
std::vector<uint32_t> epoch_order(uint32_t count, uint64_t seed, int epoch);

}  // namespace dlfs
