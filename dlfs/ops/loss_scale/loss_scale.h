// Dynamic loss scaling for f16 (Micikevicius et al., "Mixed Precision Training", 2018), as torch.amp.GradScaler, wholly on
// the device: the loss that is differentiated is the loss times a scale that lies in the State, so that small gradients
// are not lost in 16 bits. After backward one pass looks at all gradients. Where all are finite the step counts, with
//
//   factor = 1 / scale        what gradients are to be multiplied by
//
// and after `growth_interval` such steps in a row the scale doubles. Else the step does not count: factor = 0, on which
// updates write nothing (sgd.h, adam.h, update_statistics()), and the scale halves. Nothing reaches the host.
//
//   Value scale = loss_scale(trace);                        // f32 [1,1,1,1] "loss_scale" of the State
//   trace.loss("scaled_loss", loss * scale);
//   Value factor = update_loss_scale(trace);
//   sgd(trace, rate, {...}, factor);
//   update_statistics(trace, factor);
#pragma once

#include "dlfs/graph/trace.h"

namespace dlfs {

struct LossScaleSettings {
  float initial = 65536, growth = 2, backoff = 0.5f, largest = 16777216;
  int growth_interval = 2000;
};

// To the State: "loss_scale", "loss_scale.factor" f32 and "loss_scale.steps" i32 [1,1,1,2] (finite steps in a row; steps
// that did not count, since ever), role counter.
Value loss_scale(Trace& trace, const LossScaleSettings& settings = {});
Value update_loss_scale(Trace& trace, const LossScaleSettings& settings = {});

// Inputs: scale, factor, steps, then every gradient, f32, f16 or bf16. It updates the first three.
FunctionPtr loss_scale_function(const LossScaleSettings& settings);

// The halves, chosen in loss_scale.cpp.
KernelPtr loss_scale_cpu(Device&, const Site&, const LossScaleSettings&);
KernelPtr loss_scale_gpu(Device&, const Site&, const LossScaleSettings&);

}  // namespace dlfs
