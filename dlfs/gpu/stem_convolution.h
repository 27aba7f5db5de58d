// Our own convolution of a net's first layer where it is a 3x3 over small images: 8 channels, of which the images fill 1 or
// 3 (ImageForm::padded), and 16 or 64 filters, forward and its gradient by the filters, in 16 bits on Tensor Cores that sum
// in f32. Both take little longer than reading x and writing or reading the map of the filters (docs/performance.md); each
// sum has one fixed order on a card.
#pragma once

#include "dlfs/gpu/cudnn.h"

namespace dlfs {

// For the calling thread's present device. Null where it does not serve: x [n,h,w,8], w [16 or 64,3,3,8] with stride and
// pad 1 in f16 or bf16, with no bias, add, relu or sums, on cards from sm_80 on.
std::unique_ptr<ConvEngine> stem_convolution(const ConvGraph& graph);

}  // namespace dlfs
