// Convolution and its two gradients by oneDNN, appended to a Program.
//
//   x, d_x [n,h,w,c]     w, d_w [k,r,s,c/groups]     bias f32 [1,1,1,k] or none     y, d_y, add [n,oh,ow,k]
//
// All but the bias are f32 or all are bf16; a gradient that is added to what is there is rounded once. Images lie as they
// are. oneDNN is fast only on filters in a layout of its own, so every call reorders them from and to [k,r,s,c/groups]:
// filters change every step, and it costs little beside the convolution, but for maps of few positions (cpu/unrolled.h). In
// inference they are reordered once, in refresh().
#pragma once

#include "dlfs/cpu/program.h"

namespace dlfs {

struct Convolution {
  int stride = 1;
  int pad = 0;
  int dilation = 1;
  int groups = 1;
};

// What inference adds to a primitive. Its ReLU is oneDNN's, which turns NaN into 0, so a step of training must not have it.
struct ConvolutionInference {
  Device* keeper =
      nullptr;  // gives the memory of filters that are reordered in refresh(); null: each run reorders
  Operand add = {};
  bool relu = false;
};

// y = relu(x * w + bias + add), relu and add where `with` says so.
void add_convolution(Program&, const Convolution&, const Operand& x, const Operand& w, const Operand& bias,
                     const Operand& y, const ConvolutionInference& with = {});

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
