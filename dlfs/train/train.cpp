#include "dlfs/train/train.h"

#include <array>
#include <cmath>
#include <memory>
#include <utility>

#include "dlfs/base/clock.h"
#include "dlfs/graph/check.h"
#include "dlfs/graph/watch.h"
#include "dlfs/ops/accumulate/accumulate.h"
#include "dlfs/ops/adam/adam.h"
#include "dlfs/ops/batch_norm/batch_norm.h"
#include "dlfs/ops/elementwise/elementwise.h"
#include "dlfs/ops/lars/lars.h"
#include "dlfs/ops/loss_scale/loss_scale.h"
#include "dlfs/ops/sgd/sgd.h"
#include "dlfs/ops/softmax_cross_entropy/softmax_cross_entropy.h"

namespace dlfs {
namespace {

// The training step, compiled, with its uploads and, where asked for, those who look at each of its kernels.
class TrainingStep : private Observer {
 public:
  TrainingStep(Device& device, State& state, const Model& model, const TrainData& data,
               const TrainSettings& settings)
      : device_(device),
        stream_(device.stream()),
        state_(state),
        plan_(compiled_training_step(device, state, model, data, settings)) {
    if (settings.check != nullptr) observers_.push_back(std::make_unique<Check>(device, *settings.check));
    if (settings.watch) observers_.push_back(std::make_unique<Watch>(device, *plan_));
  }

  void run(const LoadedBatch& batch, float rate) {
    upload_images(device_, *plan_, batch);
    device_.upload_held((*plan_)["labels"], batch.labels.data, stream_);
    device_.upload((*plan_)["rate"], &rate, stream_);
    observers_.empty() ? plan_->run(stream_) : plan_->run(stream_, *this);
  }

  // The loss of the last step; nothing where it is not finite, but the loss scale may yet mend that.
  std::optional<float> loss(int64_t step) const {
    constexpr float smallest_scale = 0x1p-10F;
    const auto number = [&](const Tensor& tensor) {
      float value = 0;
      device_.download(tensor, &value, stream_);
      return value;
    };
    const float loss = number((*plan_)["loss"]);
    if (std::isfinite(loss)) return loss;
    const State::Entry* scale = state_.find("loss_scale");
    if (scale != nullptr && number(scale->tensor) >= smallest_scale) return {};
    throw Error("train", concat("the loss is ", std::isnan(loss) ? "NaN" : "infinite", " at step ", step,
                                "; a lower --lr may help, --watch names the first value that went wrong"));
  }

 private:
  void before(const Step& step, Stream stream) override {
    for (const auto& one : observers_) one->before(step, stream);
  }
  void after(const Step& step, Stream stream) override {
    for (const auto& one : observers_) one->after(step, stream);
  }

  Device& device_;
  Stream stream_;
  const State& state_;
  std::unique_ptr<Plan> plan_;
  std::vector<std::unique_ptr<Observer>> observers_;
};

void update_parameters(Trace& trace, Value rate, const TrainSettings& settings, Value factor) {
  switch (settings.optimizer) {
    case Optimizer::sgd:
      return sgd(trace, rate,
                 {.momentum = settings.momentum,
                  .weight_decay = settings.weight_decay,
                  .nesterov = settings.nesterov},
                 factor);
    case Optimizer::adam:
    case Optimizer::adamw:
      return adam(
          trace, rate,
          {.weight_decay = settings.weight_decay, .decoupled = settings.optimizer == Optimizer::adamw},
          factor);
    case Optimizer::lars:
      return lars(trace, rate, {.momentum = settings.momentum, .weight_decay = settings.weight_decay},
                  factor);
  }
}

}  // namespace

std::string to_string(Optimizer optimizer) {
  constexpr std::array names = {"sgd", "adam", "adamw", "lars"};
  return names[static_cast<size_t>(optimizer)];
}

TrainSettings usual_settings(Optimizer optimizer) {
  switch (optimizer) {
    case Optimizer::sgd:
      break;
    case Optimizer::adam:
      return {.optimizer = optimizer, .rate = 0.001f, .weight_decay = 0};
    case Optimizer::adamw:
      return {.optimizer = optimizer, .rate = 0.001f, .weight_decay = 0.01f};
    case Optimizer::lars:
      return {.optimizer = optimizer, .rate = 2, .weight_decay = 0.0001f};
  }
  return {};
}

void refuse_nonsense(const Model& model, const TrainData& data, const TrainSettings& settings) {
  const auto refuse = [](const auto&... fact) { throw UsageError("train", concat(fact...)); };
  const int classes = data.classes();
  if (data.test->classes() != data.train->classes())
    refuse("the training images have ", classes, " classes, but the test images have ",
           data.test->classes().size(), " or others");
  if (classes < 2)
    refuse("there is ", classes == 1 ? "one class" : "no class", ", but ", model.name,
           " tells two or more apart");
  for (const auto& source : {data.train, data.test})
    for (uint32_t i = 0; i < source->count(); ++i)
      if (const int label = source->subject(i).label; label < 0 || label >= classes)
        refuse("the label of ", source->name(i), " is ", label, ", but there are ", classes,
               " classes, 0 to ", classes - 1);
  if (settings.batch < 1 || int64_t{settings.batch} > int64_t{data.train->count()})
    refuse("a batch of ", settings.batch, " is not between 1 and the ", data.train->count(),
           " training images");
  if (settings.accumulate < 1 || int64_t{settings.batch} * settings.accumulate > int64_t{data.train->count()})
    refuse("a step of ", settings.accumulate, " batches of ", settings.batch, " is not between 1 and the ",
           data.train->count(), " training images");
  if (settings.schedule.warmup > static_cast<float>(settings.epochs))
    refuse("a warmup of ", settings.schedule.warmup, " epochs is longer than the run of ", settings.epochs);
  if (const int side = std::max(model.input.h, model.input.w); model.test_resize != 0) {
    if (model.test_resize < side)
      refuse("--test-resize is ", model.test_resize, ", but the middle that ", model.name, " takes is ", side,
             " pixels wide");
    else if (model.test_resize > 4 * side)
      refuse("--test-resize is ", model.test_resize, ", but ", model.name, " would then see only its middle ",
             side, " pixels; take at most ", 4 * side);
  }
  if (const std::vector<int>& falls = settings.schedule.milestones;
      !falls.empty() && falls.front() >= settings.epochs)
    refuse("the rate first falls after epoch ", falls.front(), ", but the run has ", settings.epochs);
  if (settings.fast && settings.precision != Precision::f16)
    refuse("--fast is for f16, but the precision is ", to_string(settings.precision));
  if (settings.nesterov && (settings.optimizer != Optimizer::sgd || settings.momentum == 0))
    refuse("nesterov needs sgd and a momentum above 0, but the optimizer is ", to_string(settings.optimizer),
           " and the momentum ", settings.momentum);
}

std::unique_ptr<Plan> compiled_training_step(Device& device, State& state, const Model& model,
                                             const TrainData& data, const TrainSettings& settings) {
  Trace trace(state, {.mode = Mode::train,
                      .precision = settings.precision,
                      .fast_sums = settings.fast,
                      .moments = moments_of(device)});
  const Value images = loaded_images(trace, model, settings.batch, data.statistics, device.kind());
  trace_training_step(trace, images, model, data.classes(), settings);
  auto plan = std::make_unique<Plan>(std::move(trace));
  plan->compile(device);
  return plan;
}

void trace_training_step(Trace& trace, const Model& model, int classes, const TrainSettings& settings,
                         DeviceKind device) {
  const Shape one = model.input;
  const Precision precision = trace.settings().precision;
  const Value images = trace.input(
      "images", {formed({settings.batch, one.h, one.w, one.c}, image_form(model, precision, device)),
                 matrix_type(precision)});
  trace_training_step(trace, images, model, classes, settings);
}

void trace_training_step(Trace& trace, Value images, const Model& model, int classes,
                         const TrainSettings& settings) {
  const Value labels = trace.input("labels", {{settings.batch, 1, 1, 1}, DType::i32});
  const Value rate = trace.input("rate", {{1, 1, 1, 1}});
  const Value loss = softmax_cross_entropy(model.build(images, classes), labels,
                                           {.label_smoothing = settings.label_smoothing});
  Value factor;  // that gradients are multiplied by, 0 where the step does not count
  if (trace.settings().precision == Precision::f16) {
    trace.output("loss", loss);
    trace.loss("scaled_loss", loss * loss_scale(trace));
    factor = update_loss_scale(trace);
  } else {
    trace.loss("loss", loss);
  }
  update_statistics(trace, factor);
  factor = accumulate_gradients(trace, {.micro_batches = settings.accumulate}, factor);
  update_parameters(trace, rate, settings, factor);
}

TrainResult train(Device& device, State& state, const Model& model, const TrainData& data,
                  const TrainSettings& settings, const std::vector<Hook*>& hooks) {
  refuse_nonsense(model, data, settings);
  // Test images are decoded by the CPU: the accuracy is that of every other machine.
  const int test_threads = settings.threads > 0 ? settings.threads : usual_threads(device);
  const int threads = settings.threads == 0 && settings.decode_on_device ? fillers_of_a_card : test_threads;
  TrainingStep training(device, state, model, data, settings);
  Evaluator evaluator(device, state, model, data.classes(), settings.precision, data.statistics);
  Loader loader(data.train,
                {.recipe = training_recipe(model, settings.augment),
                 .sampling = {.seed = settings.seed},
                 .batch = settings.batch,
                 .threads = threads,
                 .on_device = settings.decode_on_device},
                device);
  const int64_t steps_per_epoch = loader.batches_per_epoch();  // images left over wait for another epoch
  const int64_t steps = settings.epochs * steps_per_epoch;

  TrainResult result{.count = data.test->count()};
  int64_t step = 0;
  double seconds = 0, waited = 0;
  for (int epoch = 1; epoch <= settings.epochs; ++epoch) {
    const Stopwatch watch;
    double loss_sum = 0;
    int64_t losses = 0;
    for (int64_t i = 0; i < steps_per_epoch; ++i) {
      const float rate =
          rate_at(settings.schedule, settings.rate,
                  {.step = step++ / settings.accumulate,
                   .steps = steps / settings.accumulate,
                   .steps_per_epoch = static_cast<double>(steps_per_epoch) / settings.accumulate});
      training.run(loader.next(), rate);
      StepEvent event{.step = step, .steps = steps, .epoch = epoch, .rate = rate};
      if (step % steps_between_losses == 0 || i + 1 == steps_per_epoch) {
        event.loss = training.loss(step);
        loss_sum += event.loss.value_or(0);
        losses += event.loss.has_value();
      }
      event.images_per_second = static_cast<double>(step * settings.batch) / (seconds + watch.seconds());
      for (Hook* hook : hooks) hook->after_step(event);
    }
    const double train_seconds = watch.seconds();
    seconds += train_seconds;
    result.predictions = evaluator.predict(data.test, test_threads);
    result.correct = count_correct(result.predictions, *data.test);
    result.images_per_second = static_cast<double>(step * settings.batch) / seconds;
    const EpochEvent event{
        .epoch = epoch,
        .epochs = settings.epochs,
        .step = step,
        .train_loss = static_cast<float>(loss_sum / static_cast<double>(losses)),
        .correct = result.correct,
        .count = result.count,
        .train_seconds = train_seconds,
        .evaluation_seconds = watch.seconds() - train_seconds,
        .wait_seconds = loader.meters().wait_seconds - std::exchange(waited, loader.meters().wait_seconds)};
    for (Hook* hook : hooks) hook->after_epoch(event);
  }
  result.skipped = loader.skipped();
  return result;
}

}  // namespace dlfs
