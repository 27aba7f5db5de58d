// Training a classifier: a loop over epochs and batches; all else hangs on hooks. The run is a function of its
// settings, data and device: the same seed gives the same bits. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "dlfs/models/models.h"
#include "dlfs/train/evaluate.h"
#include "dlfs/train/images.h"
#include "dlfs/train/rate.h"

namespace dlfs {

enum class Optimizer : uint8_t { sgd, adam, adamw, lars };

std::string to_string(Optimizer optimizer);

// The defaults are SGD's; usual_settings() knows those of the others.
struct TrainSettings {
  int epochs = 8;
  int batch = 64;
  Optimizer optimizer = Optimizer::sgd;
  float rate = 0.02f;  // the highest
  RateSchedule schedule = {};
  float momentum = 0.9f;        // of SGD and LARS
  bool nesterov = false;        // of SGD
  float weight_decay = 0.001f;  // not of vectors: biases and scales of norms
  float label_smoothing = 0;
  int accumulate =
      1;  // batches that make one step of the weights; those left over at the end of the run make none
  uint64_t seed = 1;
  Precision precision = Precision::f32;  // f16: with dynamic loss scaling (ops/loss_scale/loss_scale.h)
  bool fast = false;                     // f16: TraceSettings::fast_sums; runs differ in their last bits
  Augment augment = {};
  int threads = 0;                // that make batches; 0: as many as suit the device
  bool decode_on_device = false;  // JPEG, by nvJPEG: faster, but not the very pixels of other machines
  Device* check = nullptr;  // rerun every step on this device (the CPU) and stop at the first that differs
  bool watch = false;  // look at all that every step writes and stop at the first value that is not finite
};

// An optimizer with a rate and a weight decay that suit it.
TrainSettings usual_settings(Optimizer optimizer);

// How often a loss is read from the device; that of an epoch's last step always is.
inline constexpr int64_t steps_between_losses = 20;

struct StepEvent {
  int64_t step = 0, steps = 0;  // of the whole run; the first is 1
  int epoch = 0;                // the first is 1
  float rate = 0;
  std::optional<float> loss = {};  // read from the device now and then
  double images_per_second = 0;    // of training, since it began
};

struct EpochEvent {
  int epoch = 0, epochs = 0;
  int64_t step = 0;
  float train_loss = 0;                              // mean of those that were read
  int64_t correct = 0, count = 0;                    // of the test images
  double train_seconds = 0, evaluation_seconds = 0;  // of this epoch
  double wait_seconds = 0;                           // of training, for images that were not ready
};

// What wants to know how a run goes on. A hook that throws ends the run.
class Hook {
 public:
  virtual ~Hook() = default;
  virtual void after_step(const StepEvent&) {}
  virtual void after_epoch(const EpochEvent&) {}
};

struct TrainResult {
  int64_t correct = 0, count = 0;            // of the test images, after the last epoch
  double images_per_second = 0;              // of training alone
  std::vector<Prediction> predictions = {};  // of the test images
  std::vector<SkippedImage> skipped = {};    // that could not be read
};

struct TrainData {
  std::shared_ptr<const Source> train, test;  // with the same classes
  PrepareSettings statistics;                 // pixel_statistics() of the training images
  int classes() const { return static_cast<int>(train->classes().size()); }
};

// Throws UsageError where settings, data and model do not go together.
void refuse_nonsense(const Model& model, const TrainData& data, const TrainSettings& settings);

// requires: a State without memory or that of the device. ensures: the State holds the trained weights. Throws Error
// where the loss is no number any more, UsageError as refuse_nonsense() does. In f16 a loss that is not finite belongs to a
// step that did not count, and is left out; it ends the run once the loss scale has fallen below 2^-10, which takes 26
// such steps in a row from the usual 65,536.
TrainResult train(Device& device, State& state, const Model& model, const TrainData& data,
                  const TrainSettings& settings, const std::vector<Hook*>& hooks);

// The training step as a trace, on images that are normalised, as loaded_images() gives them: inputs "labels" i32
// [n,1,1,1], "rate" [1,1,1,1]; output "loss". Without a value for the images they are the input "images", of the form and
// type that suit the device.
void trace_training_step(Trace& trace, Value images, const Model& model, int classes,
                         const TrainSettings& settings);
void trace_training_step(Trace& trace, const Model& model, int classes, const TrainSettings& settings,
                         DeviceKind device = DeviceKind::cpu);

// The training step that train() runs, compiled, on images as they are loaded: inputs of loaded_images(), "labels" and "rate".
std::unique_ptr<Plan> compiled_training_step(Device& device, State& state, const Model& model,
                                             const TrainData& data, const TrainSettings& settings);

}  // namespace dlfs
