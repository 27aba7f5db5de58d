// Our own convolution and its two gradients, for every setting: plain f32 multiply-adds, each sum in one fixed order. It
// serves groups where cuDNN has no engine that the rules allow; on the seven cards and the shapes that cards_test.cpp asks
// about that is nowhere, so it is short rather than fast.
#pragma once

#include "dlfs/gpu/cudnn.h"

namespace dlfs {

// requires: a graph without bias and ReLU.
std::unique_ptr<ConvEngine> direct_convolution(const ConvGraph& graph);

}  // namespace dlfs
