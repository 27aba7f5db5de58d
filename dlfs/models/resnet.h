// Residual nets (He et al., "Deep Residual Learning for Image Recognition", 2015), as torchvision builds and names them;
// ResNeXt (Xie et al., 2016) and the nets for CIFAR-10 (section 4.2 of the first) are the same code with other numbers.
#pragma once

#include <vector>

#include "dlfs/graph/trace.h"

namespace dlfs {

struct ResNet {
  std::vector<int> blocks;  // of each stage; a stage has twice the filters of the one before, on half the map
  int width = 64;           // filters of the first stage
  bool bottleneck = false;  // blocks of 1x1, 3x3, 1x1 with four times the filters, instead of two 3x3
  int groups = 1;           // of a bottleneck's 3x3
  int group_width = 64;     // its filters, in 64ths of the stage's for each group
  bool stride_in_1x1 = false;  // where a bottleneck halves the map: as in the paper; else, better, in the 3x3
  bool zero_last = true;       // each block begins as its shortcut (Goyal et al., 2017)
  bool small_images = false;   // begins with a 3x3 and no pool
  bool bare_shortcuts = false;  // without parameters (option A)
};

// images [n,h,w,1 or 3], or in a form of ops/stem/stem.h -> logits [n,1,1,classes]
Value resnet(Value images, int classes, const ResNet& net);

}  // namespace dlfs
