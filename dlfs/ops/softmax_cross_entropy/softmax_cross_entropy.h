// Softmax and cross-entropy in one, the mean over all positions whose label counts (as torch.nn.CrossEntropyLoss).
//
//   logits [n,h,w,c]         labels i32 [n,h,w,1], each below c or ignore_index         loss [1,1,1,1]
//   loss = mean over counted positions of (1 - s) * -log p[label] + s / c * sum over c of -log p,  s = label_smoothing
//
// Logits are f32, f16 or bf16; the loss is f32. Where no position counts the loss and its gradient are 0 (PyTorch: NaN). Backward reads logits and labels.
// requires: labels in range; the data's reader has checked them.
#pragma once

#include "dlfs/graph/trace.h"

namespace dlfs {

struct SoftmaxCrossEntropySettings {
  float label_smoothing = 0;
  int ignore_index = -100;
};

FunctionPtr softmax_cross_entropy_function(const SoftmaxCrossEntropySettings& settings);
Value softmax_cross_entropy(Value logits, Value labels, const SoftmaxCrossEntropySettings& settings = {});

// The halves, chosen in softmax_cross_entropy.cpp. Site: in {logits, labels}, out {loss}, saved {log of the
// sum of exponentials f32 [n,h,w,1], one over the number of counted positions f32 [1,1,1,1]}, null in
// inference.
KernelPtr softmax_cross_entropy_forward_cpu(Device&, const Site&, const SoftmaxCrossEntropySettings&);
KernelPtr softmax_cross_entropy_backward_cpu(Device&, const Site&, const SoftmaxCrossEntropySettings&);
KernelPtr softmax_cross_entropy_forward_gpu(Device&, const Site&, const SoftmaxCrossEntropySettings&);
KernelPtr softmax_cross_entropy_backward_gpu(Device&, const Site&, const SoftmaxCrossEntropySettings&);

}  // namespace dlfs
