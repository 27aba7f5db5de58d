#include "dlfs/train/evaluate.h"

#include <algorithm>
#include <cmath>
#include <numeric>

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

std::vector<float> Evaluator::logits(std::span<const float> images) {
  const size_t pixels = static_cast<size_t>(model_.input.count());
  const int count = static_cast<int>(images.size() / pixels);
  std::vector<float> all(static_cast<size_t>(count) * classes_);
  for (int first = 0; first < count; first += largest_batch) {
    Plan& plan = plan_for(std::min(largest_batch, count - first));
    device_.upload(plan["images"], &images[first * pixels], device_.stream());
    plan.run(device_.stream());
    device_.download(plan["logits"], &all[static_cast<size_t>(first) * classes_], device_.stream());
  }
  return all;
}

std::vector<Prediction> Evaluator::predict(const LabelledImages& images, PixelStatistics statistics) {
  const Batches batches(images, statistics);
  std::vector<uint32_t> order(images.count);
  std::iota(order.begin(), order.end(), 0);
  std::vector<Prediction> predictions;
  Batch batch;
  for (int first = 0; first < images.count; first += largest_batch) {
    batches.fill(batch, order, first, std::min(largest_batch, images.count - first));
    const std::vector<float> found = logits(batch.images);
    for (size_t at = 0; at < found.size(); at += classes_)
      predictions.push_back(ranked(std::span(found).subspan(at, classes_))[0]);
  }
  return predictions;
}

int64_t count_correct(const std::vector<Prediction>& predictions, const LabelledImages& images) {
  int64_t correct = 0;
  for (size_t i = 0; i < predictions.size(); ++i) correct += predictions[i].label == images.labels[i] ? 1 : 0;
  return correct;
}

}  // namespace dlfs
