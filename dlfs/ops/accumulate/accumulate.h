// Several micro-batches that make one step, by one recording that is run once a micro-batch: backward's gradients, each
// times its factor, are summed, and the k-th micro-batch lets the updates have the sums, with 1 / k as their factor. In
// all others, and where one of the k did not count (its factor was 0: an overflow), that factor is 0, so updates write
// nothing. The first micro-batch of a step sets the sums: nothing is zeroed.
//
//   factor = accumulate_gradients(trace, {.micro_batches = 4}, factor);   // nothing at all for 1
//   sgd(trace, rate, {...}, factor);                                      // finds the sums (update.h)
//
// Statistics of batch norms are those of micro-batches, and committed by each: update_statistics() takes the factor from
// before.
#pragma once

#include "dlfs/ops/update.h"

namespace dlfs {

struct AccumulateSettings {
  int micro_batches = 1;
};

// Adds to the State "NAME.accumulated" of each parameter (f32, role optimizer), "micro_batch" i32 [1,1,1,2] (those done of
// the present step, and those of them that count) and "micro_batch.factor" f32 (role counter).
Value accumulate_gradients(Trace& trace, const AccumulateSettings& settings, Value factor = {});

// The function alone, an update of the sums: its own inputs are the counter and the factor that it makes.
UpdateLayout accumulate_layout();
FunctionPtr accumulate_function(const AccumulateSettings& settings);

// The halves, chosen in accumulate.cpp.
KernelPtr accumulate_cpu(Device&, const Site&, const AccumulateSettings&);
KernelPtr accumulate_gpu(Device&, const Site&, const AccumulateSettings&);

}  // namespace dlfs
