#include "dlfs/train/evaluate.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace dlfs {
namespace {

constexpr int largest_batch = 250;

Prediction most_likely(const float* logits, int classes) {
  const float* best = std::max_element(logits, logits + classes);
  double sum = 0;
  for (int c = 0; c < classes; ++c) sum += std::exp(static_cast<double>(logits[c]) - *best);
  if (std::isnan(sum)) throw Error("evaluate", "the model gives NaN; its weights are of no use");
  return {static_cast<int>(best - logits), static_cast<float>(1 / sum)};
}

}  // namespace

Evaluator::Evaluator(Device& device, State& state, const Model& model, int classes, Precision precision)
    : device_(device), state_(state), model_(model), classes_(classes), precision_(precision) {}

void Evaluator::trace_model(Trace& trace, int batch) const {
  const Shape one = model_.input;
  const Value images = trace.input("images", {{batch, one.h, one.w, one.c}});
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

void Evaluator::load(const ModelFile& file) {
  Trace trace(state_, {.mode = Mode::infer, .precision = precision_});
  trace_model(trace, 1);  // names the State's entries
  file.load(state_, device_);
}

std::vector<Prediction> Evaluator::predict(const LabelledImages& images, PixelStatistics statistics) {
  const Batches batches(images, statistics);
  std::vector<uint32_t> order(images.count);
  std::iota(order.begin(), order.end(), 0);
  std::vector<Prediction> predictions;
  Batch batch;
  for (int first = 0; first < images.count; first += largest_batch) {
    const int size = std::min(largest_batch, images.count - first);
    Plan& plan = plan_for(size);
    batches.fill(batch, order, first, size);
    device_.upload(plan["images"], batch.images.data(), device_.stream());
    plan.run(device_.stream());
    std::vector<float> logits(static_cast<size_t>(size) * classes_);
    device_.download(plan["logits"], logits.data(), device_.stream());
    for (int i = 0; i < size; ++i) predictions.push_back(most_likely(&logits[i * classes_], classes_));
  }
  return predictions;
}

int64_t count_correct(const std::vector<Prediction>& predictions, const LabelledImages& images) {
  int64_t correct = 0;
  for (size_t i = 0; i < predictions.size(); ++i) correct += predictions[i].label == images.labels[i] ? 1 : 0;
  return correct;
}

}  // namespace dlfs
