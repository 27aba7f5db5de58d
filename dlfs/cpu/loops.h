// Plain loops over tensors of f32 or bf16, appended to a Program. Operands of one call do not overlap unless they are the
// same; all have as many elements as the first and its type, but for `to` (either type) and `sums` (f32).
#pragma once

#include "dlfs/cpu/program.h"

namespace dlfs {

void add_relu(Program&, const Operand& y);                       // y = max(y, 0) in place; NaN stays NaN
void add_sum(Program&, const Operand& from, const Operand& to);  // to += from

// What arrives before the ReLU: d_y where y > 0 (or NaN), else 0. Gives a temporary.
Operand add_relu_gradient(Program&, const Operand& y, const Operand& d_y);

// sums [1,1,1,c] = (or +=, with add) the sum of each channel over all positions of `of` [n,h,w,c], in double; with squares
// sums [1,1,2,c], which end with those of the squares.
struct ChannelSumSettings {
  bool add = false;
  bool squares = false;
};
void add_channel_sums(Program&, const Operand& of, const Operand& sums,
                      const ChannelSumSettings& settings = {});

}  // namespace dlfs
