#include "dlfs/data/review/perceptual_hash.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <tuple>
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
constexpr size_t most_compared = 256;

// Of an image [side,side].
uint64_t hash_of(const Image& small) {
  static const Cosines table = cosines();
  std::array<std::array<double, kept>, side> rows{};
  for (int y = 0; y < side; ++y)
    for (int k = 0; k < kept; ++k)
      for (int x = 0; x < side; ++x) rows[y][k] += table[k][x] * small.pixels[y * side + x];
  std::array<double, kept * kept> frequencies{};
  for (int v = 0; v < kept; ++v)
    for (int k = 0; k < kept; ++k)
      for (int y = 0; y < side; ++y) frequencies[v * kept + k] += table[v][y] * rows[y][k];

  std::array<double, kept* kept> sorted = frequencies;
  const auto median = sorted.begin() + sorted.size() / 2;
  std::nth_element(sorted.begin(), median, sorted.end());
  uint64_t hash = 0;
  for (size_t i = 0; i < frequencies.size(); ++i) hash |= uint64_t{frequencies[i] > *median} << i;
  return hash;
}

std::array<int8_t, 256> shrunk(const Image& small) {
  std::array<int, 256> sums{};  // of 2 x 2 pixels
  int sum = 0;
  for (int i = 0; i < side * side; ++i) {
    sums[i / side / 2 * (side / 2) + i % side / 2] += small.pixels[i];
    sum += small.pixels[i];
  }
  std::array<int8_t, 256> pixels{};
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<int8_t>((sums[i] - sum / 256) / 8);
  return pixels;
}

double correlation(const Looks& a, const Looks& b) {
  int ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) {
    ab += a.pixels[i] * b.pixels[i];
    aa += a.pixels[i] * a.pixels[i];
    bb += b.pixels[i] * b.pixels[i];
  }
  return aa == 0 || bb == 0 ? 0 : ab / std::sqrt(double{1} * aa * bb);
}

}  // namespace

std::optional<Looks> looks_of(const Image& gray) {
  const Image small = resized(gray, {side, side});
  const auto [darkest, lightest] = std::minmax_element(small.pixels.begin(), small.pixels.end());
  if (*lightest - *darkest <= plain) return std::nullopt;
  return Looks{.hash = hash_of(small), .pixels = shrunk(small)};
}

bool are_alike(const Looks& a, const Looks& b) {
  return std::popcount(a.hash ^ b.hash) <= alike_bits && correlation(a, b) >= least_correlation;
}

void for_each_alike(std::span<const Looks* const> all, const std::function<void(uint32_t, uint32_t)>& take) {
  struct Entry {
    uint64_t key, hash;
    uint32_t index;
  };
  std::vector<Entry> entries(all.size());
  const auto before = [](const Entry& a, const Entry& b) {
    return std::tie(a.key, a.hash, a.index) < std::tie(b.key, b.hash, b.index);
  };
  const auto compare = [&](const Entry& one, const Entry& other, int first, int second) {
    if (std::popcount(one.hash ^ other.hash) <= alike_bits &&
        meet_here(one.hash, other.hash, first, second) && are_alike(*all[one.index], *all[other.index]))
      take(one.index, other.index);
  };
  for (int first = 0; first < alike_bits + 2; ++first)
    for (int second = first + 1; second < alike_bits + 2; ++second) {
      for (uint32_t i = 0; i < entries.size(); ++i) {
        const uint64_t hash = all[i]->hash;
        entries[i] = {part(hash, first) << 32 | part(hash, second), hash, i};
      }
      std::sort(entries.begin(), entries.end(), before);
      for (size_t i = 0; i < entries.size(); ++i) {
        const size_t end = std::min(entries.size(), i + 1 + most_compared);
        for (size_t j = i + 1; j < end && entries[j].key == entries[i].key; ++j)
          compare(entries[i], entries[j], first, second);
      }
    }
}

}  // namespace dlfs
