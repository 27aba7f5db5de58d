#include "dlfs/graph/profile.h"

#include <algorithm>

#include "dlfs/base/clock.h"

namespace dlfs {
namespace {

// No less than none: below its floor a step's tensors lay in a cache.
double above(double measured, double at_least) { return std::max(measured - at_least, 0.0); }

struct Line {
  std::string what;
  double seconds = 0, floor = 0, bytes = 0;
};

// The first `most` of the lines, and the sum of all.
std::string table_of(const std::vector<Line>& lines, const std::string& heading, size_t most) {
  Line all{"all"};
  for (const Line& line : lines) {
    all.seconds += line.seconds;
    all.floor += line.floor;
    all.bytes += line.bytes;
  }
  std::vector<std::vector<std::string>> rows = {
      {"us", "floor us", "ratio", "lost us", "lost %", "MB", heading}};
  const auto add = [&](const Line& line) {
    const double lost = above(line.seconds, line.floor);
    rows.push_back({fixed(line.seconds * 1e6, 1), fixed(line.floor * 1e6, 1),
                    fixed(line.seconds / line.floor, 1), fixed(lost * 1e6, 1),
                    fixed(100 * lost / all.seconds, 1), fixed(line.bytes / 1e6, 1), line.what});
  };
  std::for_each(lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(std::min(most, lines.size())),
                add);
  add(all);
  return columns(rows, 80);
}

}  // namespace

Seconds measure(const std::function<void()>& work, int rounds) {
  const size_t fewest = rounds > 0 ? rounds : 3, most = rounds > 0 ? rounds : 9;
  constexpr double enough_seconds = 0.5;
  work();
  std::vector<double> seconds;
  const Stopwatch all;
  while (seconds.size() < fewest || (seconds.size() < most && all.seconds() < enough_seconds)) {
    const Stopwatch round;
    work();
    seconds.push_back(round.seconds());
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

std::string profile_table(const std::vector<StepTime>& times, const Rates& rates, size_t most) {
  const auto lost = [&](const StepTime& time) {
    return above(time.seconds, floor_seconds(time.cost, rates));
  };
  std::vector<StepTime> sorted = times;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [&](const StepTime& a, const StepTime& b) { return lost(a) > lost(b); });
  std::vector<Line> lines;
  lines.reserve(sorted.size());
  for (const StepTime& time : sorted)
    lines.push_back(
        {concat(time.step->path, time.step->backward ? " backward: " : ": ", time.step->kernel->engine()),
         time.seconds, floor_seconds(time.cost, rates), time.cost.bytes});
  return table_of(lines, "step", most);
}

std::string scope_table(const std::vector<StepTime>& times, const Rates& rates) {
  std::vector<Line> lines;
  for (const StepTime& time : times) {
    const std::string& path = time.step->path;
    const size_t first = path.find('.');
    const std::string name = path.substr(0, first == std::string::npos ? first : path.find('.', first + 1)) +
                             (time.step->backward ? " backward" : "");
    auto line = std::find_if(lines.begin(), lines.end(), [&](const Line& of) { return of.what == name; });
    if (line == lines.end()) line = lines.insert(line, {name});
    line->seconds += time.seconds;
    line->floor += floor_seconds(time.cost, rates);
    line->bytes += time.cost.bytes;
  }
  return table_of(lines, "scope", lines.size());
}

}  // namespace dlfs
