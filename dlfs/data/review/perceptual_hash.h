// How an image looks: copies that were scaled, recompressed or made brighter look nearly the same. A hash of 64 bits finds
// who may be alike (Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010: which of the
// 8 x 8 lowest frequencies of the image, at 32 x 32, are above their median), and how strongly 16 x 16 pixels correlate
// tells who is: two aeroplanes in two skies may share a hash. Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "dlfs/data/image.h"

namespace dlfs {

struct Looks {
  uint64_t hash = 0;
  std::array<int8_t, 256> pixels{};  // [16,16], less their mean, halved
};

inline constexpr int alike_bits = 4;  // hashes of images that are alike differ in so many at most
inline constexpr double least_correlation = 0.94;

// requires: one channel, of any size. Nothing where the image is of one colour: all such would be alike.
std::optional<Looks> looks_of(const Image& gray);
bool are_alike(const Looks& a, const Looks& b);

// Calls `take` once with the indices of each two that are alike. Pairs are looked up, by parts of the hash that they must
// have in common, so that a million are a matter of seconds.
void for_each_alike(std::span<const Looks* const> all, const std::function<void(uint32_t, uint32_t)>& take);

}  // namespace dlfs
