// The number of the step as a value: an i32 counter "step" [1,1,1,1] of the State, so it lies on the device, belongs
// to what outlives a step, and all plans over one State count together. This header stands outside its room since other ops ask.
//
// Forward and backward see how many steps were done before: 0 in the first. An update function sees the step that is
// being done: 1 in the first; the counter is advanced before any update that can have asked for it. In an inference
// trace it is only read.
#pragma once

#include "dlfs/graph/trace.h"

namespace dlfs {

Value step_number(Trace& trace);  // one and the same for all who ask in a trace

struct StepNumberSettings {};

// The function alone, an update: adds one to {step}, in place.
FunctionPtr step_number_function();

// The halves, chosen in step_number.cpp. Site: in {step}.
KernelPtr step_number_cpu(Device&, const Site&, const StepNumberSettings&);
KernelPtr step_number_gpu(Device&, const Site&, const StepNumberSettings&);

}  // namespace dlfs
