#include "dlfs/train/batches.h"

#include <algorithm>
#include <cmath>

#include "dlfs/base/random.h"

namespace dlfs {

PixelStatistics pixel_statistics(const LabelledImages& images) {
  std::array<int64_t, 256> histogram{};
  for (const uint8_t pixel : images.pixels) ++histogram[pixel];
  double sum = 0, squares = 0;
  for (size_t value = 0; value < histogram.size(); ++value) {
    const double x = static_cast<double>(value) / 255;
    sum += x * static_cast<double>(histogram[value]);
    squares += x * x * static_cast<double>(histogram[value]);
  }
  const double count = static_cast<double>(images.pixels.size());
  const double mean = sum / count, variance = squares / count - mean * mean;
  // A set of one colour has no deviation to divide by.
  return {static_cast<float>(mean), static_cast<float>(variance > 1e-12 ? std::sqrt(variance) : 1)};
}

Batches::Batches(const LabelledImages& images, PixelStatistics statistics) : images_(images) {
  for (size_t value = 0; value < normalised_.size(); ++value)
    normalised_[value] = (static_cast<float>(value) / 255 - statistics.mean) / statistics.deviation;
}

void Batches::fill(Batch& batch, const std::vector<uint32_t>& order, int64_t first, int size) const {
  const size_t pixels = static_cast<size_t>(images_.height) * images_.width;
  batch.images.resize(size * pixels);
  batch.labels.resize(size);
  for (int i = 0; i < size; ++i) {
    const uint32_t index = order[first + i];
    const uint8_t* from = images_.pixels.data() + index * pixels;
    std::transform(from, from + pixels, batch.images.data() + i * pixels,
                   [&](uint8_t p) { return normalised_[p]; });
    batch.labels[i] = images_.labels[index];
  }
}

std::vector<uint32_t> epoch_order(uint32_t count, uint64_t seed, int epoch) {
  return permutation(count, combine(combine(key_of("shuffle"), seed), epoch));
}

}  // namespace dlfs
