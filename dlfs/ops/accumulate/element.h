// One element's sum, and what a micro-batch leaves: compiled by both halves.
#pragma once

#include <cstdint>

namespace dlfs {

struct AccumulateElement {
  int32_t* counts;
  float* made;
  int micro_batches;
  bool first = false;

  constexpr void begin(int) { first = counts[0] == 0; }

  constexpr void operator()(float (&at)[1], float gradient, float) const {
    at[0] = first ? gradient : at[0] + gradient;
  }

  constexpr void finish(bool counts_too) const {
    const int32_t done = counts[0] + 1, counted = counts[1] + (counts_too ? 1 : 0);
    const bool last = done == micro_batches;
    *made = last && counted == micro_batches ? 1 / static_cast<float>(micro_batches) : 0;
    counts[0] = last ? 0 : done;
    counts[1] = last ? 0 : counted;
  }
};

}  // namespace dlfs
