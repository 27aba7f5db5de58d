// Our own convolution and its two gradients, for every setting and type: plain f32 multiply-adds, each sum in one fixed
// order, rounded once. It serves groups and 16 bits where cuDNN has no engine that the rules allow; on the seven cards and
// the shapes that cards_test.cpp asks about that is nowhere, so it is short rather than fast.
#pragma once

#include "dlfs/gpu/cudnn.h"

namespace dlfs {

// requires: a graph without bias, add, relu and sums.
std::unique_ptr<ConvEngine> direct_convolution(const ConvGraph& graph);

}  // namespace dlfs
