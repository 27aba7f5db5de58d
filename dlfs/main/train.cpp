#include "dlfs/train/train.h"

#include <algorithm>
#include <ctime>
#include <filesystem>

#include "dlfs/cpu/cpu_device.h"
#include "dlfs/graph/profile.h"
#include "dlfs/main/progress.h"
#include "dlfs/main/rates.h"
#include "dlfs/main/sources.h"
#include "dlfs/main/terminal.h"
#include "dlfs/main/verbs.h"
#include "dlfs/train/run_folder.h"
#include "dlfs/train/start.h"

namespace dlfs {
namespace {

std::string default_run(const std::string& model) {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  char text[32];
  std::strftime(text, sizeof text, "%Y%m%d-%H%M%S", &local);
  const std::string first = "runs/" + model + "-" + text;
  std::string path = first;
  std::error_code ignored;  // RunFolder says better what is wrong with the path
  for (int i = 2; std::filesystem::exists(path, ignored); ++i) path = concat(first, "-", i);
  return path;
}

// What --table and --profile show of the training step, on the first images of the set.
void show_step(Device& device, State& state, const Model& model, const TrainData& data,
               const TrainCommand& command, std::ostream& out) {
  const TrainSettings& settings = command.settings;
  const auto step = compiled_training_step(device, state, model, data, settings);
  Plan& plan = *step;
  if (command.table) out << plan.table();
  if (!command.profile) return;
  Loader loader(data.train,
                {.recipe = training_recipe(model, settings.augment),
                 .sampling = {.seed = settings.seed},
                 .batch = settings.batch,
                 .threads = 0},
                device);
  const LoadedBatch& batch = loader.next();
  const Stream stream = device.stream();
  upload_images(device, plan, batch);
  device.upload_held(plan["labels"], batch.labels.data, stream);
  device.upload(plan["rate"], &settings.rate, stream);
  plan.run(stream);
  device.synchronize(stream);
  const Rates rates = measure_rates(device, settings.precision);
  out << profile_table(time_steps(device, plan), rates) << "floor: at " << to_string(rates) << "\n";
}

// What was left out, and why; the first few by name.
void report_skipped(const std::vector<SkippedImage>& skipped, std::ostream& out) {
  constexpr size_t shown = 5;
  if (skipped.empty()) return;
  out << skipped.size() << (skipped.size() == 1 ? " image" : " images") << " could not be read:\n";
  for (size_t i = 0; i < std::min(shown, skipped.size()); ++i)
    out << "  " << printable(skipped[i].why) << "\n";
  if (skipped.size() > shown)
    out << "  and " << skipped.size() - shown << " more; dlfs data audit names all\n";
}

void report_weights(const std::string& path, const WeightsReport& report, std::ostream& out) {
  out << "weights of " << printable(path) << ", by " << report.source << "'s names: " << report.loaded.size()
      << " tensors loaded\n";
  for (const std::string& name : report.missing) out << "  begins anew: " << name << " is not in the file\n";
  for (const std::string& what : report.wrong) out << "  begins anew: " << printable(what) << "\n";
  for (const std::string& name : report.left_over)
    out << "  left over: " << printable(name) << " is not in the model\n";
}

}  // namespace

void run_verb(const TrainCommand& command, std::ostream& out) {
  const Model& named = find_model(command.model);
  const Sources sources = open_sources(command.data);
  Model model = model_for(named, *sources.train);
  model.test_resize = command.test_resize;
  const TrainData data{sources.train, sources.test,
                       command.weights.empty() ? pixel_statistics(*sources.train, model)
                                               : statistics_of_weights(command.weights, model)};
  const ModelDescription description{.model = model.name,
                                     .input = model.input,
                                     .mean = data.statistics.mean,
                                     .deviation = data.statistics.deviation,
                                     .classes = data.train->classes(),
                                     .test_resize = model.test_resize};
  TrainSettings settings = command.settings;
  settings.augment = command.augment.value_or(usual_augment(model));
  refuse_nonsense(model, data, settings);

  const std::unique_ptr<Device> device = open_device(command.device, settings.precision, out);
  if (settings.decode_on_device && device->kind() == DeviceKind::cpu)
    throw UsageError("train", "--decode gpu needs a GPU, but the device is the CPU");
  State state(settings.seed);
  if (command.table || command.profile) return show_step(*device, state, model, data, command, out);

  if (!command.weights.empty())
    report_weights(command.weights, start_from(command.weights, state, *device, model, data.classes()), out);
  const std::unique_ptr<Device> reference = command.check ? open_cpu() : nullptr;
  settings.check = reference.get();
  RunFolder run(command.run.empty() ? default_run(model.name) : command.run,
                {.model = model.name,
                 .data = command.data,
                 .device = device->name(),
                 .settings = settings,
                 .test_resize = model.test_resize,
                 .weights = command.weights});
  if (command.check && device->kind() == DeviceKind::cpu)
    out << "--check compares the CPU with itself here: it finds what does not repeat\n";
  out << "training " << model.name << " on " << device->name() << "\n"
      << with_separators(data.train->count()) << " images to learn from, "
      << with_separators(data.test->count()) << " to test on, " << data.classes() << " classes; augmented by "
      << to_string(settings.augment) << "; run " << printable(run.path()) << std::endl;
  if (const int64_t batches = int64_t{data.train->count()} / settings.batch * settings.epochs;
      batches % settings.accumulate != 0)
    out << "the run has " << with_separators(batches) << " batches: the last "
        << batches % settings.accumulate << " make no whole step of " << settings.accumulate << "\n";

  Progress progress(out, terminal_columns());
  const TrainResult result = train(*device, state, model, data, settings, {&progress, &run});
  run.finish(state, *device, description, result, *data.test);
  report_skipped(result.skipped, out);
  if (command.check) out << "every step gave what the CPU gives\n";
  out << accuracy_text(result.correct, result.count) << ", "
      << with_separators(static_cast<int64_t>(result.images_per_second)) << " training images/s\n"
      << "weights and pictures are in " << printable(run.path()) << "\n";
}

}  // namespace dlfs
