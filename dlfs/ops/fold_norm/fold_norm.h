// A convolution and the batch norm behind it as one convolution, for inference: what the norm does to each filter's result
// is done to the filter. In an inference trace it is made once, when the State has changed (Plan::refresh).
//
//   w f32 [k,r,s,c], conv_bias [1,1,1,k] (optional); scale, bias, mean, variance f32 [1,1,1,k]
//   a = scale / sqrt(variance + epsilon);  folded w [k,r,s,c] = a * w, in the trace's matrix type;
//   folded bias f32 [1,1,1,k] = a * (conv_bias - mean) + bias
//
// Without a gradient.
#pragma once

#include "dlfs/ops/norm.h"

namespace dlfs {

struct FoldNormSettings {
  float epsilon = 1e-5f;
};

struct FoldedNorm {
  Value w, bias;
};
FoldedNorm fold_norm(Value w, Value conv_bias, const BatchNorm& norm, const FoldNormSettings& settings = {});

FunctionPtr fold_norm_function(const FoldNormSettings& settings);

// The halves, chosen in fold_norm.cpp. Site: in {w, conv_bias, scale, bias, mean, variance}, out {folded w, folded bias}.
KernelPtr fold_norm_forward_cpu(Device&, const Site&, const FoldNormSettings&);
KernelPtr fold_norm_forward_gpu(Device&, const Site&, const FoldNormSettings&);

}  // namespace dlfs
