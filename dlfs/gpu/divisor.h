// Division by a number that is known before the kernel starts, as a product and a shift (Granlund and Montgomery,
// "Division by invariant integers using multiplication", 1994): a few instructions where the card takes twenty.
#pragma once

#include <cstdint>

namespace dlfs {

struct Divisor {
  // requires: by is at least 1. Dividends are below 2^31.
  constexpr Divisor() : Divisor(1) {}
  constexpr explicit Divisor(unsigned number) : by(number) {
    while (uint64_t{1} << log < by) ++log;  // the power of two at or above `by`
    multiplier = static_cast<unsigned>((uint64_t{1} << (31 + log)) / by + 1);
  }
  constexpr unsigned divide(unsigned dividend) const {
    return static_cast<unsigned>(uint64_t{dividend} * multiplier >> (31 + log));
  }
  constexpr unsigned split(unsigned dividend, unsigned& rest) const {  // the quotient and what is left
    const unsigned quotient = divide(dividend);
    rest = dividend - quotient * by;
    return quotient;
  }

  unsigned by, multiplier = 0, log = 0;
};

}  // namespace dlfs
