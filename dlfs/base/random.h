// Counter-based random numbers: number `counter` of stream `key` is a pure function of the two, so there is
// no state to save, no order to keep and nothing that the count of threads could change. Any thread.
//
// The formula, in unsigned 64-bit integers that wrap around (tools/formula.py is its twin in numpy):
//
//   mix(z)              z ^= z >> 30;  z *= 0xBF58476D1CE4E5B9;  z ^= z >> 27;  z *= 0x94D049BB133111EB;  z ^= z >> 31
//   bits(counter)       mix(key + (counter + 1) * 0x9E3779B97F4A7C15): what splitmix64 gives, seeded with `key`
//   uniform(counter)    (bits(counter) >> 40) / 2^24: in [0, 1), exact in a float
//   below(counter, n)   ((bits(counter) >> 32) * n) >> 32: in [0, n)
//   normal(counter)     sqrt(-2 ln(u)) cos(2 pi v), in double, rounded to float, where
//                       u = ((bits(2 counter) >> 11) + 1) / 2^53,  v = (bits(2 counter + 1) >> 11) / 2^53
//   key_of(text)        mix(h), h the FNV-1a 64 hash: from 0xCBF29CE484222325, for each byte h ^= byte, h *= 0x100000001B3
//   combine(key, other) mix(mix(key + 0x9E3779B97F4A7C15) + other)
//
// One key serves one purpose: key = combine(key_of("shuffle"), seed), not the seed itself.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace dlfs {

constexpr uint64_t golden_gamma = 0x9E3779B97F4A7C15;  // 2^64 / golden ratio

constexpr uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

uint64_t key_of(std::string_view text);

constexpr uint64_t combine(uint64_t key, uint64_t other) { return mix(mix(key + golden_gamma) + other); }

class Random {
 public:
  constexpr explicit Random(uint64_t key) : key_(key) {}

  constexpr uint64_t bits(uint64_t counter) const { return mix(key_ + (counter + 1) * golden_gamma); }
  constexpr float uniform(uint64_t counter) const {
    return static_cast<float>(bits(counter) >> 40) * 0x1p-24F;
  }
  constexpr uint32_t below(uint64_t counter, uint32_t bound) const {
    return static_cast<uint32_t>(((bits(counter) >> 32) * bound) >> 32);
  }
  float normal(uint64_t counter) const;

 private:
  uint64_t key_;
};

// The numbers 0 to count - 1 in an order of the key's own (Fisher and Yates, from the last place down). The
// order of an epoch has the key combine(combine(key_of("shuffle"), seed), epoch).
std::vector<uint32_t> permutation(uint32_t count, uint64_t key);

}  // namespace dlfs
