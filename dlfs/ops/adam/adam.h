// Adam (Kingma and Ba, 2015), as torch.optim.Adam, and AdamW (Loshchilov and Hutter, 2019), as torch.optim.AdamW, over all
// parameters in one pass. At step t, of which the first is 1:
//
//   g = gradient + weight_decay * p                  (Adam)
//   p = p - rate * weight_decay * p                  (AdamW: the decay is decoupled from the moments)
//   m = beta1 * m + (1 - beta1) * g
//   v = beta2 * v + (1 - beta2) * g^2
//   p = p - rate * m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon)
//
// The rate (f32 [1,1,1,1]) and the steps done so far, t - 1 (i32 [1,1,1,1]), lie on the device; the update advances the
// latter. Gradients are multiplied by a factor, and where that is 0 nothing is written (update.h), the steps neither.
#pragma once

#include "dlfs/ops/update.h"

namespace dlfs {

struct AdamSettings {
  double beta1 = 0.9, beta2 = 0.999;  // double: 1 - 0.999f is 1e-5 off
  double epsilon = 1e-8;
  double weight_decay = 0;
  bool decoupled = false;      // AdamW
  bool decay_vectors = false;  // biases and scales of norms too
};

// The function alone: its own inputs are the rate and the steps done, kept are "adam_m" and "adam_v".
UpdateLayout adam_layout();
FunctionPtr adam_function(const AdamSettings& settings, const std::vector<char>& vectors = {});

// Adds the update of every parameter of the trace; to its State their "NAME.adam_m" and "NAME.adam_v" (role optimizer)
// and "adam.steps" (role counter).
void adam(Trace& trace, Value rate, const AdamSettings& settings = {}, Value factor = {});

// The halves, chosen in adam.cpp.
struct AdamRows : AdamSettings {
  std::vector<char> vectors;  // rows that do not decay, as vector_rows(); empty: none
};
KernelPtr adam_cpu(Device&, const Site&, const AdamRows&);
KernelPtr adam_gpu(Device&, const Site&, const AdamRows&);

}  // namespace dlfs
