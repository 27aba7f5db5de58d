// 64 bits of how an image looks: copies that were scaled, recompressed or made brighter differ in few of them. Zauner,
// "Implementation and benchmarking of perceptual image hash functions", 2010: which of the 8 x 8 lowest frequencies of
// the image (at 32 x 32, by a cosine transform) are above their median. Any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "dlfs/data/image.h"

namespace dlfs {

inline constexpr int alike_bits = 4;  // hashes that differ in so many at most are alike

// requires: one channel, of any size. Nothing where the image is of one colour, and all such would be alike.
std::optional<uint64_t> perceptual_hash(const Image& gray);

// Calls `take` once with the indices of each two hashes that are alike. Pairs are looked up, by parts of the hash that
// they must have in common, so that a million hashes are a matter of seconds.
void for_each_alike(std::span<const uint64_t> different, const std::function<void(uint32_t, uint32_t)>& take);

}  // namespace dlfs
