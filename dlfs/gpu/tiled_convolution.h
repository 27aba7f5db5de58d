// Our own convolution without groups, and its two gradients, as tiled matrix products in plain f32: the matrices are
// gathered from the images while they are read, so nothing is unfolded in memory. Each sum is made in one fixed order;
// where the product is small its sum is cut into parts that further blocks take, and added up in order.
#pragma once

#include "dlfs/gpu/cudnn.h"

namespace dlfs {

// requires: groups = 1. The bias of a forward graph is added here, and the ReLU (NaN stays NaN) where asked for.
std::unique_ptr<ConvEngine> tiled_convolution(const ConvGraph& graph, bool relu = false);

}  // namespace dlfs
