// What stands in files of weights, and how: names, shapes and order of values are PyTorch's. The one place that converts:
// element (n,y,x,c) in memory is element (n,c,y,x) in a file. Any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "dlfs/graph/state.h"
#include "dlfs/models/safetensors.h"

namespace dlfs {

bool in_model_file(const State::Entry& entry);  // parameters and statistics

std::vector<int64_t> file_shape(const State::Entry& entry);

// The values of an entry, from memory, in the order of a file.
std::vector<float> file_values(const State::Entry& entry, Device& device);

// Gives entry `index`, which has its memory, a tensor's values. requires: the entry's file_shape; F32, F16 or BF16.
void set_from_file(State& state, int index, Device& device, const SafeTensor& tensor);

}  // namespace dlfs
