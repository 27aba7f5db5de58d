// LARS (You, Gitman and Ginsburg, "Large Batch Training of Convolutional Networks", 2017), for batches so large that one
// rate does not suit all layers: SGD whose rate is scaled, parameter by parameter, by how large that is beside its
// gradient. Over all parameters in one pass, after one for the norms.
//
//   ratio = trust * |p| / (|gradient| + weight_decay * |p|)
//   m = momentum * m + rate * ratio * (gradient + weight_decay * p)
//   p = p - m
//
// For vectors (biases, scales of norms), and where a norm is 0, the ratio is 1; vectors do not decay. The rate lies on the
// device (f32 [1,1,1,1]); gradients are multiplied by a factor, and where that is 0 nothing is written (update.h). Norms
// are summed in one fixed order.
#pragma once

#include "dlfs/ops/update.h"

namespace dlfs {

struct LarsSettings {
  float momentum = 0.9f;
  float weight_decay = 0;
  float trust = 0.001f;
};

// The function alone: its own input is the rate, kept is "momentum".
UpdateLayout lars_layout();
FunctionPtr lars_function(const LarsSettings& settings, const std::vector<char>& vectors = {});

// Adds the update of every parameter of the trace, and their "NAME.momentum" to its State (role optimizer).
void lars(Trace& trace, Value rate, const LarsSettings& settings = {}, Value factor = {});

// The halves, chosen in lars.cpp.
struct LarsRows : LarsSettings {
  std::vector<char> vectors;  // as vector_rows(); empty: none is

  bool adapts(size_t row) const { return row >= vectors.size() || vectors[row] == 0; }
};
KernelPtr lars_cpu(Device&, const Site&, const LarsRows&);
KernelPtr lars_gpu(Device&, const Site&, const LarsRows&);

}  // namespace dlfs
