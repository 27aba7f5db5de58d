#include "dlfs/train/run_folder.h"

#include <algorithm>
#include <filesystem>

#include "dlfs/base/json.h"
#include "dlfs/data/codec/png.h"
#include "dlfs/data/loader/sample.h"
#include "dlfs/train/charts.h"

namespace dlfs {
namespace {

constexpr size_t sheet_images = 60;

std::string config_text(const RunConfig& config) {
  const TrainSettings& s = config.settings;
  JsonWriter json;
  json.object()
      .field("model", config.model)
      .field("data", config.data)
      .field("device", config.device)
      .field("epochs", s.epochs)
      .field("batch", s.batch)
      .field("optimizer", to_string(s.optimizer))
      .field("lr", s.rate)
      .field("schedule", to_string(s.schedule))
      .field("warmup", s.schedule.warmup)
      .field("weight_decay", s.weight_decay)
      .field("label_smoothing", s.label_smoothing)
      .field("accumulate", s.accumulate)
      .field("seed", s.seed)
      .field("precision", to_string(s.precision))
      .field("fast", s.fast)
      .field("decode", s.decode_on_device ? "gpu" : "cpu")
      .field("augment", to_string(s.augment))
      .field("test_resize", config.test_resize)
      .field("weights", config.weights)
      .field("dlfs", DLFS_VERSION);
  if (s.optimizer == Optimizer::sgd || s.optimizer == Optimizer::lars) json.field("momentum", s.momentum);
  if (s.optimizer == Optimizer::sgd) json.field("nesterov", s.nesterov);
  return json.close().text();
}

// "idx:/data/mnist/" -> "mnist"
std::string last_part(const std::string& source) {
  const size_t last = std::min(source.find_last_not_of('/'), source.size() - 1);
  const size_t before = source.find_last_of("/:", last);
  return source.substr(before + 1, last - before);
}

double accuracy(int64_t correct, int64_t count) {
  return static_cast<double>(correct) / static_cast<double>(count);
}

// The first test images that could be read, as the model saw them.
Picture sheet_of(const Source& test, const Model& model, const std::vector<Prediction>& predictions,
                 const std::string& title) {
  const Recipe recipe = evaluation_recipe(model);
  const auto size = static_cast<size_t>(model.input.count());
  std::vector<uint8_t> pixels;
  PredictionSheet sheet{.title = title + ": what it sees in the first test images",
                        .image = recipe.slot,
                        .channels = recipe.channels,
                        .class_names = test.classes()};
  SampleMaker maker;
  for (uint32_t i = 0; i < predictions.size() && sheet.predicted.size() < sheet_images; ++i) {
    if (predictions[i].label < 0) continue;
    pixels.resize(pixels.size() + size);
    maker.make(test, recipe, i, 0, std::span(pixels).last(size));
    sheet.predicted.push_back(predictions[i].label);
    sheet.actual.push_back(test.subject(i).label);
  }
  sheet.pixels = pixels;
  return prediction_sheet(sheet);
}

}  // namespace

RunFolder::RunFolder(const std::string& path, const RunConfig& config) : path_(path), config_(config) {
  for (const char* name : {"config.json", "log.jsonl", "model.safetensors", "result.json",
                           "learning_curve.png", "predictions.png"}) {
    std::error_code ignored;  // make_directories() says better what is wrong with the path
    if (std::filesystem::exists(file(name), ignored))
      throw FileError("run", concat(path, " holds a run already (", name,
                                    "); name another folder with --run, or remove it"));
  }
  make_directories(path);
  write_file(file("config.json"), config_text(config) + "\n");
  log_ = std::make_unique<LineFile>(file("log.jsonl"));
}

void RunFolder::after_step(const StepEvent& event) {
  if (!event.loss) return;
  losses_.push_back(event);
  log_->append(JsonWriter()
                   .object()
                   .field("step", event.step)
                   .field("epoch", event.epoch)
                   .field("loss", *event.loss)
                   .field("lr", event.rate)
                   .field("images_per_second", event.images_per_second)
                   .close()
                   .text());
}

void RunFolder::after_epoch(const EpochEvent& event) {
  epochs_.push_back(event);
  log_->append(JsonWriter()
                   .object()
                   .field("step", event.step)
                   .field("epoch", event.epoch)
                   .field("train_loss", event.train_loss)
                   .field("test_accuracy", accuracy(event.correct, event.count))
                   .field("train_seconds", event.train_seconds)
                   .field("evaluation_seconds", event.evaluation_seconds)
                   .field("wait_seconds", event.wait_seconds)
                   .close()
                   .text());
}

void RunFolder::finish(const State& state, Device& device, const ModelDescription& description,
                       const TrainResult& result, const Source& test) {
  save_model(file("model.safetensors"), state, device, description);

  const std::string title = config_.model + " on " + last_part(config_.data);
  LearningCurve curve{.title = title};
  for (const StepEvent& event : losses_) curve.losses.push_back(*event.loss);
  for (const EpochEvent& event : epochs_)
    curve.accuracies.push_back(static_cast<float>(accuracy(event.correct, event.count)));
  write_png(file("learning_curve.png"), learning_curve(curve));

  Model model = with_input(find_model(config_.model), description.input);
  model.test_resize = config_.test_resize;
  write_png(file("predictions.png"), sheet_of(test, model, result.predictions, title));

  double train_seconds = 0;
  for (const EpochEvent& event : epochs_) train_seconds += event.train_seconds;
  write_file(file("result.json"), JsonWriter()
                                          .object()
                                          .field("test_accuracy", accuracy(result.correct, result.count))
                                          .field("test_correct", result.correct)
                                          .field("test_count", result.count)
                                          .field("train_images_per_second", result.images_per_second)
                                          .field("train_seconds", train_seconds)
                                          .field("unreadable_images", result.skipped.size())
                                          .field("epochs", config_.settings.epochs)
                                          .field("batch", config_.settings.batch)
                                          .field("device", config_.device)
                                          .field("precision", to_string(config_.settings.precision))
                                          .field("seed", config_.settings.seed)
                                          .field("model", config_.model)
                                          .close()
                                          .text() +
                                      "\n");
}

}  // namespace dlfs
