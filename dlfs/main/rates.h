// What this machine's device reaches at best, measured through the library's own means: the floors of bench and of
// --profile come from it. One thread.
#pragma once

#include <string>

#include "dlfs/graph/cost.h"

namespace dlfs {

// Bytes a second of an addition over tensors far larger than any cache, and FLOPs a second of a large matrix product in
// the precision.
Rates measure_rates(Device& device, Precision precision);

std::string to_string(const Rates& rates);  // "copy 2,345 GB/s, matrix 51.2 TFLOP/s"

}  // namespace dlfs
