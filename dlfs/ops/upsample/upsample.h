// Maps made larger (or smaller), each channel by itself, as torch.nn.functional.interpolate with align_corners = false
// and antialias = false: to the nearest pixel, or bilinear between pixels whose centres lie half a pixel from the edge.
//
//   x    [n,h,w,c]           y [n,oh,ow,c]                oh, ow are given, or `factor` times h, w
//
//   nearest     y[i] = x[floor(i * (h / oh))], rounded to f32 as PyTorch does
//   bilinear    y[i] = (1 - t) * x[k] + t * x[k + 1],  k + t = max(0, (i + 1/2) * h / oh - 1/2), not beyond the last
//
// down and across alike. Backward reads neither x nor y; each pixel of x adds up the gradients of its readers, in order.
#pragma once

#include <vector>

#include "dlfs/graph/trace.h"

namespace dlfs {

enum class Interpolation : uint8_t { nearest, bilinear };

struct UpsampleSettings {
  int factor = 0;    // either this,
  int h = 0, w = 0;  // or these
  Interpolation interpolation = Interpolation::nearest;
};

FunctionPtr upsample_function(const UpsampleSettings& settings);
Value upsample(Value x, const UpsampleSettings& settings);

// The halves, chosen in upsample.cpp. Site: in {x}, out {y}.
KernelPtr upsample_forward_cpu(Device&, const Site&, const UpsampleSettings&);
KernelPtr upsample_backward_cpu(Device&, const Site&, const UpsampleSettings&);
KernelPtr upsample_forward_gpu(Device&, const Site&, const UpsampleSettings&);
KernelPtr upsample_backward_gpu(Device&, const Site&, const UpsampleSettings&);

// What an output reads along one axis: (1 - share) * x[low] + share * x[high]; low is high where the share is 0.
struct UpsampleSource {
  int low, high;
  float share;

  constexpr float weight_of(int input) const {
    return (input == low ? 1 - share : 0) + (input == high ? share : 0);
  }
};

// The outputs that read one input, `last` excluded; they are neighbours, since sources rise with their outputs.
struct UpsampleReaders {
  int first, last;
};

// One axis of `from` inputs and `to` outputs, worked out exactly when kernels are made, for both halves.
std::vector<UpsampleSource> upsample_sources(int from, int to, Interpolation interpolation);
std::vector<UpsampleReaders> upsample_readers(int from, const std::vector<UpsampleSource>& sources);

}  // namespace dlfs
