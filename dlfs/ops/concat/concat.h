// Maps of one size side by side: the channels of the first, then those of the second, and so on.
//
//   maps [n,h,w,c0], [n,h,w,c1], …           y [n,h,w,c0+c1+…]
//
// Backward reads neither the maps nor y.
#pragma once

#include <vector>

#include "dlfs/graph/trace.h"

namespace dlfs {

struct ConcatSettings {
  std::vector<int> channels;  // of each map: backward is not shown those that need no gradient
};

FunctionPtr concat_function(const ConcatSettings& settings);
Value concat(const std::vector<Value>& maps);  // one map or more; the same one may be there twice

// The halves, chosen in concat.cpp. Site: in {maps…}, out {y}.
KernelPtr concat_forward_cpu(Device&, const Site&, const ConcatSettings&);
KernelPtr concat_backward_cpu(Device&, const Site&, const ConcatSettings&);
KernelPtr concat_forward_gpu(Device&, const Site&, const ConcatSettings&);
KernelPtr concat_backward_gpu(Device&, const Site&, const ConcatSettings&);

}  // namespace dlfs
