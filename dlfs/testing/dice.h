// Random numbers one after the other, for tests that draw many. A Dice is its owner's.
#pragma once

#include "dlfs/base/random.h"

namespace dlfs::testing {

class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(combine(key_of("dice"), seed)) {}
  int below(int bound) { return static_cast<int>(random_.below(count_++, bound)); }
  bool one_in(int chances) { return below(chances) == 0; }

 private:
  Random random_;
  uint64_t count_ = 0;
};

}  // namespace dlfs::testing
