// What this machine's device reaches at best, measured through the library's own means: the floors of bench and of
// --profile come from it. One thread.
#pragma once

#include <string>

#include "dlfs/graph/cost.h"

namespace dlfs {

// Bytes a second of an addition over tensors far larger than any cache, and FLOPs a second of a large matrix product in
// the precision.
Rates measure_rates(Device& device, Precision precision);

// Bytes a second of a plain copy, both sides counted, and of a sum that only reads.
double measure_copy(Device& device);
double measure_read(Device& device);
double measure_matrix(Device& device, Precision precision);

std::string to_string(const Rates& rates);  // "copy 2,345 GB/s, matrix 51.2 TFLOP/s"

}  // namespace dlfs
