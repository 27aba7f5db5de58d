#include "dlfs/graph/profile.h"

#include <algorithm>
#include <chrono>
#include <iomanip>
#include <set>

namespace dlfs {
namespace {

constexpr int rounds = 9;

double bytes_of(const Site& site) {
  std::set<void*> seen;
  double sum = 0;
  const auto count = [&](const Tensor& tensor) {
    if (tensor && seen.insert(tensor.data).second) sum += static_cast<double>(bytes(tensor.spec));
  };
  for (const auto* list : {&site.in, &site.out, &site.saved, &site.d_out})
    for (const Tensor& tensor : *list) count(tensor);
  for (const Grad& grad : site.d_in) count(grad.to);
  return sum;
}

double median_seconds(Device& device, Kernel& kernel) {
  const int repeats = device.kind() == DeviceKind::gpu ? 20 : 1;  // so that a launch counts for little
  const KernelPtr recording = device.record([&](Stream stream) {
    for (int i = 0; i < repeats; ++i) kernel.run(stream);
  });
  std::vector<double> seconds;
  for (int i = 0; i < rounds; ++i) {
    const auto start = std::chrono::steady_clock::now();
    recording->run(device.stream());
    device.synchronize(device.stream());
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() /
                      repeats);
  }
  std::nth_element(seconds.begin(), seconds.begin() + rounds / 2, seconds.end());
  return seconds[rounds / 2];
}

}  // namespace

std::vector<StepTime> time_steps(Device& device, const Plan& plan) {
  std::vector<StepTime> times;
  for (const Step& step : plan.steps())
    times.push_back({&step, median_seconds(device, *step.kernel), bytes_of(step.site)});
  return times;
}

std::string profile_table(const std::vector<StepTime>& times) {
  std::vector<StepTime> sorted = times;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const StepTime& a, const StepTime& b) { return a.seconds > b.seconds; });
  double sum = 0;
  for (const StepTime& time : times) sum += time.seconds;
  std::ostringstream text;
  const auto row = [&](const std::string& us, const std::string& share, const std::string& rate,
                       const std::string& what) {
    text << std::right << std::setw(9) << us << std::setw(6) << share << std::setw(8) << rate << "  " << what
         << "\n";
  };
  row("us", "%", "GB/s", "step");
  for (const StepTime& time : sorted)
    row(fixed(time.seconds * 1e6, 1), fixed(100 * time.seconds / sum, 0),
        fixed(time.bytes / time.seconds / 1e9, 0),
        concat(time.step->path, time.step->backward ? " backward" : "", ": ", time.step->kernel->engine()));
  row(fixed(sum * 1e6, 1), "100", "", "all");
  return text.str();
}

}  // namespace dlfs
