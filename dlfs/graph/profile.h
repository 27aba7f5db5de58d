// Where a step's time goes: every kernel of a compiled plan timed by itself, beside the time that its bytes and products
// take at least. The plan's tensors hold whatever the last run left; updates are repeated, so its State is spent
// afterwards. One thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "dlfs/graph/cost.h"

namespace dlfs {

// Of several rounds of the same work, after one that warms up.
struct Seconds {
  double median = 0, fastest = 0;
};
// `work` ends when it returns. rounds 0: as many as half a second has, from 3 to 9.
Seconds measure(const std::function<void()>& work, int rounds = 0);
Seconds measure_kernel(Device& device, Kernel& kernel);  // by itself, recorded

struct StepTime {
  const Step* step;
  double seconds;  // median
  Cost cost;
};

StepTime time_step(Device& device, const Step& step);
std::vector<StepTime> time_steps(Device& device, const Plan& plan);

// For people, 80 columns wide: a line a step, the most time above its floor first (`most` of them), and the sum of all.
std::string profile_table(const std::vector<StepTime>& times, const Rates& rates, size_t most = 100000);
// The same by the first two names of the steps' paths ("layer1.0"), each half by itself, in the order of the steps.
std::string scope_table(const std::vector<StepTime>& times, const Rates& rates);

}  // namespace dlfs
