// Inverted dropout (Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", JMLR 2014):
// in training each element is dropped with probability `rate`, and what is kept grows so that the mean stays.
//
//   y[i] = x[i] * (u(i) < rate ? 0 : 1 / (1 - rate))            x, y [n,h,w,c]
//
// u(i), uniform in [0, 1), is a pure function of the State's seed, the layer's path, how many dropouts the trace has
// there already, the number of the step, and i (dlfs/base/random.h). So both devices drop the same elements, backward
// draws them again instead of reading a mask, and a run whose counter is set again goes on as if it had never stopped.
#pragma once

#include "dlfs/base/random.h"
#include "dlfs/graph/trace.h"

namespace dlfs {

struct DropoutSettings {
  float rate = 0.5f;  // in [0, 1)
};

// x itself in an inference trace, and where the rate is 0.
Value dropout(Value x, const DropoutSettings& settings = {});

// Which elements one call drops, and what it multiplies the others by. Constexpr functions serve in kernels too.
struct DropoutMask {
  float rate;
  uint64_t key;  // of the seed, the path and the number of the call there
  float scale = 1 / (1 - rate);

  constexpr Random numbers(int step) const { return Random(combine(key, static_cast<uint64_t>(step))); }
  constexpr bool drops(const Random& numbers_of_step, uint64_t element) const {
    return numbers_of_step.uniform(element) < rate;
  }
};

// The function alone: in {x, step}.
FunctionPtr dropout_function(const DropoutMask& mask);

// The halves, chosen in dropout.cpp. Site: in {x, step i32 [1,1,1,1]}, out {y}; backward reads the step.
KernelPtr dropout_forward_cpu(Device&, const Site&, const DropoutMask&);
KernelPtr dropout_backward_cpu(Device&, const Site&, const DropoutMask&);
KernelPtr dropout_forward_gpu(Device&, const Site&, const DropoutMask&);
KernelPtr dropout_backward_gpu(Device&, const Site&, const DropoutMask&);

}  // namespace dlfs
