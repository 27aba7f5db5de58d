// Division of indices by a number that is known before the launch. For .cu files alone.
#pragma once

#include <cstdint>

namespace dlfs {

// n / d and n % d of 0 <= n < 2^31 by a multiplication: Granlund and Montgomery, "Division by Invariant Integers using
// Multiplication", 1994.
struct Divisor {
  unsigned value = 1, magic = 0, shift = 0;

  explicit Divisor(unsigned d) : value(d) {
    while ((uint64_t{1} << shift) < d) ++shift;
    magic = static_cast<unsigned>(((uint64_t{1} << 32) * ((uint64_t{1} << shift) - d)) / d + 1);
  }
  __device__ unsigned quotient(unsigned n) const { return (__umulhi(n, magic) + n) >> shift; }
  __device__ unsigned split(unsigned n, unsigned& rest) const {
    const unsigned q = quotient(n);
    rest = n - q * value;
    return q;
  }
};

}  // namespace dlfs
