#include "dlfs/graph/profile.h"

#include <algorithm>
#include <chrono>

namespace dlfs {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

Seconds measure(const std::function<void()>& work) {
  constexpr size_t fewest = 3, most = 9;
  constexpr double enough_seconds = 0.5;
  work();
  std::vector<double> seconds;
  const auto begin = std::chrono::steady_clock::now();
  while (seconds.size() < fewest || (seconds.size() < most && seconds_since(begin) < enough_seconds)) {
    const auto start = std::chrono::steady_clock::now();
    work();
    seconds.push_back(seconds_since(start));
  }
  std::sort(seconds.begin(), seconds.end());
  return {.median = seconds[seconds.size() / 2], .fastest = seconds[0]};
}

Seconds measure_kernel(Device& device, Kernel& kernel) {
  const int repeats = device.kind() == DeviceKind::gpu ? 20 : 1;  // so that a launch counts for little
  const KernelPtr recording = device.record([&](Stream stream) {
    for (int i = 0; i < repeats; ++i) kernel.run(stream);
  });
  const Seconds seconds = measure([&] {
    recording->run(device.stream());
    device.synchronize(device.stream());
  });
  return {.median = seconds.median / repeats, .fastest = seconds.fastest / repeats};
}

StepTime time_step(Device& device, const Step& step) {
  return {&step, measure_kernel(device, *step.kernel).median, cost_of(step)};
}

std::vector<StepTime> time_steps(Device& device, const Plan& plan) {
  std::vector<StepTime> times;
  for (const Step& step : plan.steps()) times.push_back(time_step(device, step));
  return times;
}

std::string profile_table(const std::vector<StepTime>& times, const Rates& rates) {
  // No less than none: below its floor a step's tensors lay in a cache.
  const auto above = [](double measured, double at_least) { return std::max(measured - at_least, 0.0); };
  const auto lost = [&](const StepTime& time) {
    return above(time.seconds, floor_seconds(time.cost, rates));
  };
  std::vector<StepTime> sorted = times;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [&](const StepTime& a, const StepTime& b) { return lost(a) > lost(b); });
  double seconds = 0, floor = 0;
  for (const StepTime& time : times) {
    seconds += time.seconds;
    floor += floor_seconds(time.cost, rates);
  }
  std::vector<std::vector<std::string>> rows = {{"us", "floor us", "ratio", "lost us", "lost %", "step"}};
  const auto add = [&](double measured, double at_least, const std::string& what) {
    rows.push_back({fixed(measured * 1e6, 1), fixed(at_least * 1e6, 1), fixed(measured / at_least, 1),
                    fixed(above(measured, at_least) * 1e6, 1),
                    fixed(100 * above(measured, at_least) / seconds, 1), what});
  };
  for (const StepTime& time : sorted)
    add(time.seconds, floor_seconds(time.cost, rates),
        concat(time.step->path, time.step->backward ? " backward: " : ": ", time.step->kernel->engine()));
  add(seconds, floor, "all");
  return columns(rows, 80);
}

}  // namespace dlfs
