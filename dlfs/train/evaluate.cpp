#include "dlfs/train/evaluate.h"

#include <algorithm>
#include <cmath>
#include <thread>

#include "dlfs/tensor/half.h"

namespace dlfs {

std::vector<Prediction> ranked(std::span<const float> logits) {
  const double best = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - best);
  if (std::isnan(sum)) throw Error("evaluate", "the model gives NaN; its weights are of no use");
  std::vector<Prediction> all;
  for (size_t c = 0; c < logits.size(); ++c)
    all.push_back({static_cast<int>(c), static_cast<float>(std::exp(logits[c] - best) / sum)});
  std::stable_sort(all.begin(), all.end(), [&](const Prediction& a, const Prediction& b) {
    return logits[a.label] > logits[b.label];
  });
  return all;
}

Evaluator::Evaluator(Device& device, State& state, const Model& model, int classes, Precision precision,
                     PrepareSettings statistics)
    : device_(device),
      state_(state),
      model_(model),
      classes_(classes),
      precision_(precision),
      statistics_(std::move(statistics)) {}

void Evaluator::trace_model(Trace& trace, int batch) const {
  const Value images = loaded_images(trace, model_, batch, statistics_, device_.kind());
  trace.output("logits", model_.build(images, classes_));
}

Plan& Evaluator::plan_for(int batch) {
  std::unique_ptr<Plan>& plan = plans_[batch];
  if (!plan) {
    Trace trace(state_, {.mode = Mode::infer, .precision = precision_});
    trace_model(trace, batch);
    auto made = std::make_unique<Plan>(std::move(trace));
    made->compile(device_, device_.allocate(made->arena_bytes()), scratch_);
    plan = std::move(made);
  }
  return *plan;
}

void Evaluator::refresh() {
  for (const auto& [batch, plan] : plans_) plan->refresh(device_.stream());
}

void Evaluator::load(const ModelFile& file) {
  Trace trace(state_, {.mode = Mode::infer, .precision = precision_});
  trace_model(trace, 1);  // names the State's entries
  file.load(state_, device_);
}

std::vector<float> Evaluator::logits(std::span<const uint8_t> pixels) {
  const auto size = static_cast<size_t>(model_.input.count());
  const int count = static_cast<int>(pixels.size() / size);
  refresh();
  std::vector<float> all;
  const Look look{.width = static_cast<float>(model_.input.w), .height = static_cast<float>(model_.input.h)};
  const std::vector<Look> looks(std::min(largest_batch, count), look);
  for (int first = 0; first < count; first += largest_batch) {
    Plan& plan = plan_for(std::min(largest_batch, count - first));
    device_.upload(plan["pixels"], &pixels[first * size], device_.stream());
    device_.upload(plan["looks"], looks.data(), device_.stream());
    plan.run(device_.stream());
    const std::vector<float> some = download_floats(device_, plan["logits"], device_.stream());
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

std::vector<Prediction> Evaluator::predict(std::shared_ptr<const Source> images, int threads) {
  const int count = static_cast<int>(images->count());
  Loader loader(std::move(images),
                {.recipe = evaluation_recipe(model_),
                 .sampling = {.order = Order::in_order},
                 .batch = std::min(largest_batch, count),
                 .threads = threads,
                 .training = false},
                device_);
  refresh();
  std::vector<Prediction> predictions;
  while (static_cast<int>(predictions.size()) < count) {
    const LoadedBatch& batch = loader.next();
    Plan& plan = plan_for(batch.count);
    upload_images(device_, plan, batch);
    plan.run(device_.stream());
    const std::vector<float> found = download_floats(device_, plan["logits"], device_.stream());
    const auto* labels = batch.labels.as<int32_t>();
    for (int i = 0; i < batch.count; ++i) {
      const auto logits = std::span(found).subspan(static_cast<size_t>(i) * classes_, classes_);
      predictions.push_back(labels[i] == unread_label ? Prediction{.label = -1} : ranked(logits)[0]);
    }
  }
  return predictions;
}

int64_t count_correct(const std::vector<Prediction>& predictions, const Subjects& images) {
  int64_t correct = 0;
  for (size_t i = 0; i < predictions.size(); ++i)
    correct +=
        predictions[i].label >= 0 && predictions[i].label == images.subject(static_cast<uint32_t>(i)).label;
  return correct;
}

int usual_threads(const Device& device) {
  if (device.kind() == DeviceKind::cpu) return 1;
  return std::clamp(static_cast<int>(std::thread::hardware_concurrency()) - 1, 1, 16);
}

}  // namespace dlfs
