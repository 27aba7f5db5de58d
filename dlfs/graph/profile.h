// Where a step's time goes: every kernel of a compiled plan timed by itself, beside the bytes that it must move at
// least. The plan's tensors hold whatever the last run left; updates are repeated, so its State is spent afterwards.
// One thread.
#pragma once

#include <string>
#include <vector>

#include "dlfs/graph/plan.h"

namespace dlfs {

struct StepTime {
  const Step* step;
  double seconds;  // median of several recordings of the kernel alone
  double bytes;    // of every tensor that the step reads or writes, each once
};

std::vector<StepTime> time_steps(Device& device, const Plan& plan);

// For people: a line a step, slowest first, and the sum.
std::string profile_table(const std::vector<StepTime>& times);

}  // namespace dlfs
