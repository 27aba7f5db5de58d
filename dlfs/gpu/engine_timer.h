// How long engines take for one graph on the device at hand.
#pragma once

#include <memory>
#include <vector>

#include "dlfs/gpu/cudnn.h"

namespace dlfs {

// Microseconds of each, on small random numbers: the median of several recordings of several runs, taken in turns; an
// engine that its first recording shows to be far behind has the time of that one. Allocates what the graph needs, for as
// long as it takes. Throws DeviceError where there is too little memory.
std::vector<double> time_engines(Device& device, const ConvGraph& graph,
                                 const std::vector<std::unique_ptr<ConvEngine>>& engines);

}  // namespace dlfs
