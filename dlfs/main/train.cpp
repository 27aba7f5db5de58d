#include "dlfs/train/train.h"

#include <algorithm>
#include <chrono>
#include <ctime>

#include "dlfs/cpu/cpu_device.h"
#include "dlfs/graph/profile.h"
#include "dlfs/main/progress.h"
#include "dlfs/main/rates.h"
#include "dlfs/main/terminal.h"
#include "dlfs/main/verbs.h"
#include "dlfs/train/run_folder.h"

namespace dlfs {
namespace {

std::string default_run(const std::string& model) {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  char text[32];
  std::strftime(text, sizeof text, "%Y%m%d-%H%M%S", &local);
  return "runs/" + model + "-" + text;
}

// What --table and --profile show of the training step, on the first images of the set.
void show_step(Device& device, State& state, const Model& model, const TrainData& data,
               const TrainCommand& command, std::ostream& out) {
  const TrainSettings& settings = command.settings;
  Trace trace(state, {.mode = Mode::train, .precision = settings.precision});
  trace_training_step(trace, model, data.classes, settings);
  Plan plan(std::move(trace));
  plan.compile(device);
  if (command.table) out << plan.table();
  if (!command.profile) return;
  Batch batch;
  Batches(data.train, data.statistics)
      .fill(batch, epoch_order(data.train.count, settings.seed, 1), 0, settings.batch);
  const Stream stream = device.stream();
  device.upload(plan["images"], batch.images.data(), stream);
  device.upload(plan["labels"], batch.labels.data(), stream);
  device.upload(plan["rate"], &settings.rate, stream);
  plan.run(stream);
  device.synchronize(stream);
  const Rates rates = measure_rates(device, settings.precision);
  out << profile_table(time_steps(device, plan), rates) << "floor: at " << to_string(rates) << "\n";
}

}  // namespace

void run_train(const TrainCommand& command, std::ostream& out) {
  const Model& model = find_model(command.model);
  const std::string directory = idx_directory(command.data);
  const LabelledImages train_images = read_idx(directory, Split::train),
                       test_images = read_idx(directory, Split::test);
  const int classes = std::max(max_label(train_images) + 1, 2);
  const TrainData data{train_images, test_images, pixel_statistics(train_images), classes};
  const ModelDescription description{.model = model.name,
                                     .input = model.input,
                                     .mean = {data.statistics.mean},
                                     .deviation = {data.statistics.deviation},
                                     .classes = class_names(directory, classes)};
  TrainSettings settings = command.settings;
  refuse_nonsense(model, data, settings);

  const std::unique_ptr<Device> device = open_device(command.device, settings.precision, out);
  State state(settings.seed);
  if (command.table || command.profile) return show_step(*device, state, model, data, command, out);

  const std::unique_ptr<Device> reference = command.check ? open_cpu() : nullptr;
  settings.check = reference.get();
  RunFolder run(command.run.empty() ? default_run(model.name) : command.run,
                {.model = model.name, .data = command.data, .device = device->name(), .settings = settings});
  if (command.check && device->kind() == DeviceKind::cpu)
    out << "--check compares the CPU with itself here: it finds what does not repeat\n";
  out << "training " << model.name << " on " << device->name() << "\n"
      << with_separators(train_images.count) << " images to learn from, "
      << with_separators(test_images.count) << " to test on, " << classes << " classes; run "
      << printable(run.path()) << std::endl;

  Progress progress(out, terminal_columns());
  const TrainResult result = train(*device, state, model, data, settings, {&progress, &run});
  run.finish(state, *device, description, result, test_images);
  if (command.check) out << "every step gave what the CPU gives\n";
  out << accuracy_text(result.correct, result.count) << ", "
      << with_separators(static_cast<int64_t>(result.images_per_second)) << " training images/s\n"
      << "weights and pictures are in " << printable(run.path()) << "\n";
}

}  // namespace dlfs
