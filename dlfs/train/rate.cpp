#include "dlfs/train/rate.h"

#include <algorithm>
#include <cmath>

#include "dlfs/base/error.h"

namespace dlfs {

using Fall = RateSchedule::Fall;

std::string to_string(const RateSchedule& schedule) {
  if (schedule.fall != Fall::steps) return schedule.fall == Fall::cosine ? "cosine" : "constant";
  return "steps:" + join(schedule.milestones, ",");
}

RateSchedule parse_schedule(const std::string& text) {
  if (text == "cosine") return {};
  if (text == "constant") return {.fall = Fall::constant};
  const auto refuse = [&] {
    throw UsageError("dlfs", "--schedule is " + text +
                                 ", but can be cosine, constant, or steps:30,60,80, epochs that rise");
  };
  const std::string start = "steps:";
  if (text.rfind(start, 0) != 0) refuse();
  RateSchedule schedule{.fall = Fall::steps};
  int last = 0;
  for (const std::string& word : split(text.substr(start.size()), ',')) {
    const int epoch = parse_number<int>(word).value_or(0);
    if (epoch <= last) refuse();
    schedule.milestones.push_back(last = epoch);
  }
  return schedule;
}

float rate_at(const RateSchedule& schedule, float rate, const RatePlace& at) {
  const auto rise = std::min<int64_t>(std::llround(schedule.warmup * at.steps_per_epoch), at.steps);
  if (at.step < rise) return rate * (static_cast<float>(at.step + 1) / static_cast<float>(rise));
  switch (schedule.fall) {
    case Fall::cosine:
      return cosine_rate(rate, at.step - rise, std::max<int64_t>(at.steps - rise, 1));
    case Fall::steps:
      for (const int epoch : schedule.milestones)
        if (static_cast<double>(at.step) >= epoch * at.steps_per_epoch) rate *= 0.1F;
      break;
    case Fall::constant:
      break;
  }
  return rate;
}

float cosine_rate(float rate, int64_t step, int64_t steps) {
  const double pi = std::acos(-1.0);
  return static_cast<float>(rate * 0.5 *
                            (1 + std::cos(pi * static_cast<double>(step) / static_cast<double>(steps))));
}

}  // namespace dlfs
