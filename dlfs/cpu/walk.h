// Loops over a Walk, appended to a Program: an op says what a stretch of neighbours holds, and it is stored, or summed
// over the axes along which a side of the walk repeats. Everything arrives in f32 and is stored in f32 or bf16; sums are in
// double, in one order.
#pragma once

#include <functional>

#include "dlfs/cpu/program.h"
#include "dlfs/tensor/walk.h"

namespace dlfs {

// A stretch along the walk's inner axis: where it begins in each of the three tensors.
struct WalkStretch {
  std::array<int64_t, 3> at;  // by Walk::Side
  int count;
};
constexpr int longest_stretch = 1024;  // they stay in the nearest cache
using StretchFill = std::function<void(const WalkStretch&, float* results)>;  // `count` numbers, side by side

struct StoreSettings {
  bool add = false;  // to what is there
};
// to [whole] = (or +=) what `fill` gives.
void add_map(Program&, const Walk& walk, const StretchFill& fill, const Operand& to,
             const StoreSettings& settings = {});

struct SumOverSettings {
  Walk::Side side = Walk::a;  // whose shape `to` has
  double scale = 1;
  bool add = false;
};
// to [as that side] = (or +=) scale * the sum of what `fill` gives.
void add_sum_over(Program&, const Walk& walk, const StretchFill& fill, const Operand& to,
                  const SumOverSettings& settings = {});

}  // namespace dlfs
