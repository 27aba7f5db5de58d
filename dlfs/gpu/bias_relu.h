// What stands around a convolution where cuDNN has no fused graph: bias and ReLU behind it, and before its gradients
// the gradient through the ReLU with the sum of each channel over all positions, in one pass and in one fixed order
// on every card. Tensors are rows of channels, a row a position.
#pragma once

#include <cstddef>

#include "dlfs/tensor/device.h"

namespace dlfs {

struct ChannelRows {
  int64_t rows = 0;  // n * h * w
  int channels = 0;

  int parts() const;             // into which the rows are cut for sums
  size_t partial_bytes() const;  // of working memory: f32 [parts,1,1,channels]
};

// y = y + bias, then max(y, 0) where relu; a null bias is none. NaN stays NaN.
void add_bias_relu(Stream stream, const ChannelRows& of, float* y, const float* bias, bool relu);

// masked [rows,c] = y <= 0 ? 0 : d_y, and partial: the sums of each part of the rows. Where y is null d_y counts as
// it is and masked is not written; where partial is null there are no sums.
void mask_and_sum(Stream stream, const ChannelRows& of, const float* d_y, const float* y, float* masked,
                  float* partial);

// sums [c] = (or +=, with add) the partial sums.
void finish_sum(Stream stream, const ChannelRows& of, const float* partial, float* sums, bool add);

}  // namespace dlfs
