#include "dlfs/data/review/perceptual_hash.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <vector>

#include "dlfs/data/augment/render.h"

namespace dlfs {
namespace {

constexpr int side = 32, kept = 8;  // of the image, and of its frequencies
constexpr int plain = 4;            // an image whose lightest and darkest pixel are so near is of one colour

using Cosines = std::array<std::array<double, side>, kept>;
Cosines cosines() {
  Cosines table;
  for (int k = 0; k < kept; ++k)
    for (int i = 0; i < side; ++i)
      table[k][i] = std::cos(3.14159265358979323846 * k * (2 * i + 1) / (2 * side));
  return table;
}

// Six parts of a hash. Of two hashes that differ in four bits, two parts at least are equal.
constexpr std::array<int, 7> part_ends = {0, 11, 22, 33, 44, 54, 64};
uint64_t part(uint64_t hash, int index) {
  const int bits = part_ends[index + 1] - part_ends[index];
  return hash >> part_ends[index] & ((uint64_t{1} << bits) - 1);
}
static_assert(part_ends.size() - 1 == alike_bits + 2);

// The first two parts that two hashes have in common are these: so each pair is met once.
bool meet_here(uint64_t a, uint64_t b, int first, int second) {
  for (int i = 0; i < second; ++i)
    if (i != first && part(a, i) == part(b, i)) return false;
  return true;
}

// In a bucket each hash is compared with so many that follow it: an end for images that were made to share one.
constexpr size_t most_compared = 4096;

}  // namespace

std::optional<uint64_t> perceptual_hash(const Image& gray) {
  static const Cosines table = cosines();
  const Image small = resized(gray, {side, side});
  const auto [darkest, lightest] = std::minmax_element(small.pixels.begin(), small.pixels.end());
  if (*lightest - *darkest <= plain) return std::nullopt;

  std::array<std::array<double, kept>, side> rows{};
  for (int y = 0; y < side; ++y)
    for (int k = 0; k < kept; ++k)
      for (int x = 0; x < side; ++x) rows[y][k] += table[k][x] * small.pixels[y * side + x];
  std::array<double, kept * kept> frequencies{};
  for (int v = 0; v < kept; ++v)
    for (int k = 0; k < kept; ++k)
      for (int y = 0; y < side; ++y) frequencies[v * kept + k] += table[v][y] * rows[y][k];

  std::array<double, kept* kept> sorted = frequencies;
  std::nth_element(sorted.begin(), sorted.begin() + sorted.size() / 2, sorted.end());
  uint64_t hash = 0;
  for (size_t i = 0; i < frequencies.size(); ++i)
    hash |= uint64_t{frequencies[i] > sorted[sorted.size() / 2]} << i;
  return hash;
}

void for_each_alike(std::span<const uint64_t> different,
                    const std::function<void(uint32_t, uint32_t)>& take) {
  struct Entry {
    uint64_t key;
    uint32_t index;
  };
  std::vector<Entry> entries(different.size());
  for (int first = 0; first < alike_bits + 2; ++first)
    for (int second = first + 1; second < alike_bits + 2; ++second) {
      for (uint32_t i = 0; i < entries.size(); ++i)
        entries[i] = {part(different[i], first) << 32 | part(different[i], second), i};
      std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
        return a.key != b.key ? a.key < b.key : a.index < b.index;
      });
      for (size_t i = 0; i < entries.size(); ++i)
        for (size_t j = i + 1;
             j < std::min(entries.size(), i + 1 + most_compared) && entries[j].key == entries[i].key; ++j) {
          const uint64_t a = different[entries[i].index], b = different[entries[j].index];
          if (std::popcount(a ^ b) <= alike_bits && meet_here(a, b, first, second))
            take(entries[i].index, entries[j].index);
        }
    }
}

}  // namespace dlfs
