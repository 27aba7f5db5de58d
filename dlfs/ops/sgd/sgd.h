// Stochastic gradient descent with momentum, as torch.optim.SGD (no dampening), over all parameters in one pass.
//
//   g = gradient + weight_decay * p
//   m = momentum * m + g
//   p = p - rate * (nesterov ? g + momentum * m : m)
//
// Without momentum there is no m and p = p - rate * g. The rate lies on the device (f32 [1,1,1,1]).
#pragma once

#include "dlfs/ops/update.h"

namespace dlfs {

struct SgdSettings {
  float momentum = 0.9f;
  float weight_decay = 0;
  bool nesterov = false;
};

// The function alone: its own input is the rate, kept is "momentum" unless that is 0.
UpdateLayout sgd_layout(const SgdSettings& settings);
FunctionPtr sgd_function(const SgdSettings& settings);

// Adds the update of every parameter of the trace, and their "NAME.momentum" to its State (role optimizer).
void sgd(Trace& trace, Value rate, const SgdSettings& settings = {});

// The halves, chosen in sgd.cpp.
KernelPtr sgd_cpu(Device&, const Site&, const SgdSettings&);
KernelPtr sgd_gpu(Device&, const Site&, const SgdSettings&);

}  // namespace dlfs
