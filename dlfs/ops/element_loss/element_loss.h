// Losses that are a sum over elements, each of one prediction and its target. formulas.h is the table of what differs.
//
//   prediction, target [n,h,w,c]      weights [n,h,w,c], [n,h,w,1], [n,1,1,1] or none        loss [1,1,1,1]
//   loss = the sum of weight * value(prediction, target), divided by the number of elements where the reduction is mean
//
//   sigmoid_cross_entropy   as torch.nn.functional.binary_cross_entropy_with_logits; targets need not be 0 or 1
//   mean_squared_error      as mse_loss (but that one's mean of weighted errors divides by the sum of the weights)
//   smooth_l1               as smooth_l1_loss; beta 0 is L1
//
// The prediction is f32, f16 or bf16, all else f32. All inputs get a gradient where a parameter lies behind them. Backward reads them.
#pragma once

#include "dlfs/graph/trace.h"

namespace dlfs {

enum class Reduction : uint8_t { mean, sum };

struct LossSettings {
  Reduction reduction = Reduction::mean;
};
struct SmoothL1Settings {
  float beta = 1;  // where the square ends and the straight line begins
  Reduction reduction = Reduction::mean;
};

Value sigmoid_cross_entropy(Value logits, Value targets, Value weights = {},
                            const LossSettings& settings = {});
Value mean_squared_error(Value prediction, Value target, Value weights = {},
                         const LossSettings& settings = {});
Value smooth_l1(Value prediction, Value target, Value weights = {}, const SmoothL1Settings& settings = {});

// The three as one function: in {prediction, target, weights}.
enum class ElementFormula : uint8_t { sigmoid_cross_entropy, squared_error, smooth_l1 };
struct ElementLossSettings {
  ElementFormula formula = ElementFormula::squared_error;
  Reduction reduction = Reduction::mean;
  float beta = 1;  // of smooth_l1
};
FunctionPtr element_loss_function(const ElementLossSettings& settings);

// The halves, chosen in element_loss.cpp.
KernelPtr element_loss_forward_cpu(Device&, const Site&, const ElementLossSettings&);
KernelPtr element_loss_backward_cpu(Device&, const Site&, const ElementLossSettings&);
KernelPtr element_loss_forward_gpu(Device&, const Site&, const ElementLossSettings&);
KernelPtr element_loss_backward_gpu(Device&, const Site&, const ElementLossSettings&);

}  // namespace dlfs
