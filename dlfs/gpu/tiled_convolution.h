// Our own convolution without groups, and its two gradients, as tiled matrix products: the matrices are gathered from the
// images while they are read, so nothing is unfolded in memory, and taps that meet nothing but padding are left out. In
// plain f32, or with tf32 on Tensor Cores where the card has them. Each sum is made in one fixed order; where the product
// is small its sum is cut into parts that further blocks take, and added up in order.
#pragma once

#include "dlfs/gpu/cudnn.h"

namespace dlfs {

struct TiledSettings {
  bool add_bias = false;  // of filter_gradient: the gradient of the bias is added to what is there
};

// requires: f32, groups = 1, neither add nor sums. NaN stays NaN in its relu. Where graph.bias is set forward adds it;
// filter_gradient writes its gradient (the sums of y over all positions) to ConvPointers::bias.
std::unique_ptr<ConvEngine> tiled_convolution(const ConvGraph& graph, const TiledSettings& settings = {});

}  // namespace dlfs
