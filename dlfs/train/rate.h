// How the learning rate goes over a run: a rise, and then a fall. Rates are computed by the host, one a step. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace dlfs {

struct RateSchedule {
  enum class Fall : uint8_t { cosine, steps, constant };
  Fall fall = Fall::cosine;
  std::vector<int> milestones = {};  // of steps: the epochs after which the rate is a tenth of what it was
  float warmup = 0;  // epochs in which the rate rises by equal steps, to be whole at their end
};
std::string to_string(const RateSchedule& schedule);  // its fall: "cosine", "steps:30,60,80", "constant"
// Reads that. Throws UsageError.
RateSchedule parse_schedule(const std::string& text);

struct RatePlace {
  int64_t step = 0, steps = 1;  // the first is 0
  double steps_per_epoch = 1;
};
float rate_at(const RateSchedule& schedule, float rate, const RatePlace& at);

// Half a cosine from `rate` at step 0 down to 0 at `steps`.
float cosine_rate(float rate, int64_t step, int64_t steps);

}  // namespace dlfs
