// What stands around a convolution where cuDNN has no fused graph: bias, shortcut and ReLU behind it, the sums or moments
// of its channels for a batch norm, and before its gradients the gradient through the ReLU with the sum of each channel over all
// positions, in one pass and in one fixed order on every card. Maps are rows of channels, a row a position, in f32, f16 or
// bf16; bias and sums are in f32. Maps stand at multiples of 16 bytes.
#pragma once

#include <cstddef>

#include "dlfs/tensor/device.h"

namespace dlfs {

struct ChannelRows {
  int64_t rows = 0;  // n * h * w
  int channels = 0;
  DType dtype = DType::f32;

  int parts() const;             // into which the rows are cut for sums
  size_t partial_bytes() const;  // of working memory: f32 [parts,1,1,channels]
};

// y = y + bias + add, then max(y, 0) where relu; a null bias or add is none. NaN stays NaN.
struct FinishMap {
  void* y;
  const float* bias;
  const void* add;
  bool relu;
};
void finish_map(Stream stream, const ChannelRows& of, const FinishMap& map);

// masked [rows,c] = y <= 0 ? 0 : d_y, and partial: the sums of each part of the rows. Where y is null d_y counts as
// it is and masked is not written; where partial is null there are no sums.
struct MaskMap {
  const void *d_y, *y;
  void* masked;
};
void mask_and_sum(Stream stream, const ChannelRows& of, const MaskMap& map, float* partial);

// sums [c] = (or +=, with add) the partial sums.
void finish_sum(Stream stream, const ChannelRows& of, const float* partial, float* sums, bool add);

// sums f32 [1,1,2,c] = those of y and of its squares. requires: twice partial_bytes() at `partial`.
void sums_of_map(Stream stream, const ChannelRows& of, const void* y, float* partial, float* sums);

// moments f32 [1,1,2,c] = mean and variance of y, channel by channel, in two passes. requires: twice
// partial_bytes() at `partial`, and behind them as much as moments are.
void moments_of_map(Stream stream, const ChannelRows& of, const void* y, float* partial, float* moments);

// to [count] = from, in `dtype`.
void narrow_numbers(Stream stream, const float* from, void* to, DType dtype, int count);

}  // namespace dlfs
