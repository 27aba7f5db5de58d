// What stands before the gradients of a convolution with bias and ReLU: the gradient through the ReLU, and the sum
// of each channel over all positions, in one pass and in one fixed order on every card.
#pragma once

#include <cstddef>

#include "dlfs/tensor/device.h"

namespace dlfs {

struct ChannelSum {
  int64_t rows = 0;  // n * h * w
  int channels = 0;

  int parts() const;             // into which the rows are cut
  size_t partial_bytes() const;  // of working memory: f32 [parts,1,1,channels]
};

// masked [rows,c] = y <= 0 ? 0 : d_y, and partial: the sums of each part of the rows. Where y is null d_y counts as it
// is and masked is not written; where partial is null there are no sums.
void mask_and_sum(Stream stream, const ChannelSum& of, const float* d_y, const float* y, float* masked,
                  float* partial);

// sums [c] = (or +=, with add) the partial sums.
void finish_sum(Stream stream, const ChannelSum& of, const float* partial, float* sums, bool add);

}  // namespace dlfs
