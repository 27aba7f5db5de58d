// Convolution and its two gradients by oneDNN, appended to a Program.
//
//   x, d_x [n,h,w,c]         w, d_w [k,r,s,c/groups]         bias [1,1,1,k] or none         y, d_y [n,oh,ow,k]
//
// Images lie as they are. oneDNN is fast only on filters in a layout of its own, so every call reorders them from
// and to [k,r,s,c/groups]: filters change every step, and it costs little beside the convolution.
#pragma once

#include "dlfs/cpu/program.h"

namespace dlfs {

struct Convolution {
  int stride = 1;
  int pad = 0;
  int dilation = 1;
  int groups = 1;
};

// y = x * w + bias. There is no ReLU in it: oneDNN's turns NaN into 0.
void add_convolution(Program&, const Convolution&, const Operand& x, const Operand& w, const Operand& bias,
                     const Operand& y);

// What is written, over what was there or added to it.
struct Sink {
  Operand to;
  bool add = false;
};

void add_convolution_data(Program&, const Convolution&, const Operand& d_y, const Operand& w,
                          const Sink& d_x);
void add_convolution_weights(Program&, const Convolution&, const Operand& x, const Operand& d_y,
                             const Sink& d_w);

}  // namespace dlfs
