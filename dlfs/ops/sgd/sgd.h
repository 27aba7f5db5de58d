// Stochastic gradient descent with momentum, as torch.optim.SGD (no dampening), over all parameters in one pass.
//
//   g = gradient + weight_decay * p
//   m = momentum * m + g
//   p = p - rate * (nesterov ? g + momentum * m : m)
//
// Without momentum there is no m and p = p - rate * g. The rate lies on the device (f32 [1,1,1,1]); so does the factor
// that gradients are multiplied by, and where that is 0 nothing is written (update.h).
#pragma once

#include "dlfs/ops/update.h"

namespace dlfs {

struct SgdSettings {
  float momentum = 0.9f;
  float weight_decay = 0;
  bool nesterov = false;
  bool decay_vectors = false;  // biases and scales of norms too
};

// The function alone: its own input is the rate, kept is "momentum" unless that is 0.
UpdateLayout sgd_layout(const SgdSettings& settings);
FunctionPtr sgd_function(const SgdSettings& settings, const std::vector<char>& vectors = {});

// Adds the update of every parameter of the trace, and their "NAME.momentum" to its State (role optimizer).
void sgd(Trace& trace, Value rate, const SgdSettings& settings = {}, Value factor = {});

// The halves, chosen in sgd.cpp.
struct SgdRows : SgdSettings {
  std::vector<char> vectors;  // rows that do not decay, as vector_rows(); empty: none
};
KernelPtr sgd_cpu(Device&, const Site&, const SgdRows&);
KernelPtr sgd_gpu(Device&, const Site&, const SgdRows&);

}  // namespace dlfs
