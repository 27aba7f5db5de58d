// `dlfs bench train` and `dlfs bench infer`: one batch of random numbers, over and over.
#include <algorithm>
#include <cmath>
#include <fstream>

#include "dlfs/base/clock.h"
#include "dlfs/base/random.h"
#include "dlfs/gpu/gpu.h"
#include "dlfs/graph/profile.h"
#include "dlfs/main/bench.h"
#include "dlfs/ops/stem/stem.h"
#include "dlfs/tensor/half.h"

namespace dlfs {
namespace {

constexpr int first_steps = 20;

// What work takes of a card's memory, or the peak of the process on a CPU, from when this was made.
class MemoryMeter {
 public:
  explicit MemoryMeter(Device& device) : device_(device) {
    if (on_gpu())
      free_ = gpu_memory_free(device);
    else
      std::ofstream("/proc/self/clear_refs") << 5;
  }

  int64_t bytes() const {
    if (on_gpu()) return static_cast<int64_t>(free_) - static_cast<int64_t>(gpu_memory_free(device_));
    std::ifstream status("/proc/self/status");
    int64_t kilobytes = 0;
    for (std::string word; status >> word;)
      if (word == "VmHWM:") status >> kilobytes;
    return kilobytes * 1024;
  }

 private:
  bool on_gpu() const { return device_.kind() == DeviceKind::gpu; }

  Device& device_;
  size_t free_ = 0;
};

// The same normal numbers in every form, so that losses can be compared.
std::vector<float> images_of(const Model& model, const Shape& formed) {
  const Random random(key_of("bench"));
  const Shape& one = model.input;
  std::vector<float> numbers(static_cast<size_t>(formed.count()));
  for (size_t i = 0; i < numbers.size(); ++i) {
    const auto element = static_cast<int64_t>(i);
    const int64_t pixel = element / formed.c;
    BlockPlace place{0, 0, static_cast<int>(element % formed.c)};
    int64_t y = pixel / formed.w % formed.h, x = pixel % formed.w;
    const int64_t image = pixel / formed.w / formed.h;
    if (formed.c == 16 && one.c == 3) {
      if (place.channel >= 12) continue;
      place = block_place(place.channel);
      y = 2 * y + place.dy;
      x = 2 * x + place.dx;
    }
    if (y < 0 || y >= one.h || x < 0 || x >= one.w || place.channel >= one.c) continue;
    numbers[i] = random.normal(((image * one.h + y) * one.w + x) * one.c + place.channel);
  }
  return numbers;
}

void trace_model(Trace& trace, const Model& model, const BenchCommand& command, DeviceKind device) {
  if (trace.settings().mode == Mode::train)
    return trace_training_step(
        trace, model, command.classes,
        {.batch = command.batch, .weight_decay = 1e-4F, .precision = command.precision}, device);
  const Shape one = model.input;
  const Shape plain{command.batch, one.h, one.w, one.c};
  const Value images = trace.input("images", {formed(plain, image_form(model, command.precision, device)),
                                              matrix_type(command.precision)});
  trace.output("logits", model.build(images, command.classes));
}

// Whether two machines did the same: two losses, or the sum of the logits.
BenchFields check_fields(Device& device, const Plan& plan, const std::function<void(int)>& run) {
  if (plan.schedule().names.count("loss") != 0) {
    const auto loss_after = [&](int steps) {
      run(steps);
      return double{download_floats(device, plan["loss"], device.stream())[0]};
    };
    const double first = loss_after(1), last = loss_after(first_steps - 1);
    return {{"finite", std::isfinite(last) ? "yes" : "no"},
            {"first_loss", first},
            {concat("loss_after_", first_steps), last, 13}};
  }
  run(1);
  double sum = 0;
  for (const float logit : download_floats(device, plan["logits"], device.stream())) sum += logit;
  return {{"finite", std::isfinite(sum) ? "yes" : "no"}, {"logits_sum", sum, 13}};
}

// Steps that are done in each run: work of the State alone is not.
std::vector<const Step*> steps_of(const Plan& plan) {
  std::vector<const Step*> steps;
  for (const Step& step : plan.steps())
    if (!step.fixed) steps.push_back(&step);
  return steps;
}

}  // namespace

void bench_model(const Model& model, const BenchCommand& command, Device& device, BenchReport& report,
                 std::ostream& out) {
  constexpr double shortest_round = 0.02;  // seconds: so that a wait at its end counts for little
  const MemoryMeter memory(device);
  const Stopwatch compiling;
  State state(1);
  Trace trace(state, {.mode = command.what == "train" ? Mode::train : Mode::infer,
                      .precision = command.precision,
                      .fast_sums = command.fast,
                      .moments = moments_of(device)});
  trace_model(trace, model, command, device.kind());
  Plan plan(std::move(trace));
  plan.compile(device);
  const double compile_seconds = compiling.seconds();

  upload_inputs(device, plan, command.classes);
  upload_numbers(device, plan["images"], images_of(model, plan["images"].shape()));
  const auto run = [&](int steps) {
    for (int i = 0; i < steps; ++i) plan.run(device.stream());
    device.synchronize(device.stream());
  };
  BenchFields more = check_fields(device, plan, run);
  const int steps = std::clamp(static_cast<int>(shortest_round / measure([&] { run(1); }).median), 1, 1000);
  const double seconds = measure([&] { run(steps); }, command.rounds).median / steps;

  Cost cost;
  double floor = 0;
  for (const Step* step : steps_of(plan)) {
    const Cost of_step = cost_of(*step);
    cost += of_step;
    floor += floor_seconds(of_step, report.rates());
  }
  more.insert(more.end(), {{"peak_bytes", memory.bytes()},
                           {"arena_bytes", static_cast<int64_t>(plan.arena_bytes())},
                           {"compile_seconds", compile_seconds},
                           {"what", command.what}});
  report.add({{"model", model.name, 10},
              {"batch", command.batch, 5},
              {"images_per_s", static_cast<int64_t>(command.batch / seconds), 12}},
             {.seconds = seconds, .floor = floor, .cost = cost}, more);
  if (!command.profile) return;
  constexpr size_t worst = 20;
  std::vector<StepTime> times;
  for (const Step* step : steps_of(plan)) times.push_back(time_step(device, *step));
  out << "\n" << scope_table(times, report.rates()) << "\n" << profile_table(times, report.rates(), worst);
}

}  // namespace dlfs
