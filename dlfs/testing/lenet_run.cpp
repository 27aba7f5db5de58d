#include "dlfs/testing/lenet_run.h"

#include <cmath>
#include <memory>

#include "dlfs/graph/check.h"
#include "dlfs/models/models.h"
#include "dlfs/ops/sgd/sgd.h"
#include "dlfs/ops/softmax_cross_entropy/softmax_cross_entropy.h"

namespace dlfs::testing {
namespace {

std::vector<float> floats(const Numbers& numbers) { return {numbers.begin(), numbers.end()}; }

// PyTorch's (n, c, y, x) as our (n, y, x, c), or back.
Numbers reorder(const Numbers& from, const Shape& s, bool to_memory) {
  Numbers to(from.size());
  size_t memory = 0;
  for (int n = 0; n < s.n; ++n)
    for (int y = 0; y < s.h; ++y)
      for (int x = 0; x < s.w; ++x)
        for (int c = 0; c < s.c; ++c, ++memory) {
          const size_t file = ((static_cast<size_t>(n) * s.c + c) * s.h + y) * s.w + x;
          (to_memory ? to[memory] : to[file]) = to_memory ? from[file] : from[memory];
        }
  return to;
}

Numbers first_weights(const State::Entry& entry) {
  const Shape& s = entry.spec.shape;
  const double bound = entry.layout == FileLayout::vector ? 0.1 : std::sqrt(6.0 / (s.h * s.w * s.c));
  return reorder(random_numbers("lenet/" + entry.name, s.count(), -bound, bound), s, true);
}

}  // namespace

LenetStep::LenetStep(Device& device, int batch, Precision precision) : device_(device), batch_(batch) {
  Trace trace(state_, {.mode = Mode::train, .precision = precision});
  const Value images = trace.input("images", {{batch, 28, 28, 1}});
  const Value labels = trace.input("labels", {{batch, 1, 1, 1}, DType::i32});
  trace.loss("loss", softmax_cross_entropy(lenet(images, 10), labels));
  sgd(trace, trace.input("rate", {{1, 1, 1, 1}}), {.momentum = 0.9f});
  plan_ = std::make_unique<Plan>(std::move(trace));
  plan_->compile(device);
  for (const State::Entry& entry : state_.entries())
    if (entry.role == Role::parameter)
      device.upload(entry.tensor, floats(first_weights(entry)).data(), device.stream());
}

void LenetStep::upload_batch(int number) {
  const std::vector<float> pixels =
      floats(random_numbers(concat("lenet/images", number), int64_t{batch_} * 784, -1, 2));
  std::vector<int32_t> classes;
  for (const double u : random_numbers(concat("lenet/labels", number), batch_, 0, 1))
    classes.push_back(static_cast<int32_t>(std::floor(u * 10)));
  device_.upload((*plan_)["images"], pixels.data(), device_.stream());
  device_.upload((*plan_)["labels"], classes.data(), device_.stream());
}

void LenetStep::upload_rate(float rate) { device_.upload((*plan_)["rate"], &rate, device_.stream()); }

float LenetStep::loss() const {
  float value = 0;
  device_.download((*plan_)["loss"], &value, device_.stream());
  return value;
}

LenetRun run_lenet(Device& device, const LenetRunSettings& settings) {
  LenetStep step(device, 64, settings.precision);
  const Stream stream = device.stream();
  const auto check = settings.check ? std::make_unique<Check>(device, *settings.check) : nullptr;
  Observer nothing;
  LenetRun run;
  const int64_t allocations = device.allocations();
  for (int number = 0; number < settings.steps; ++number) {
    step.upload_batch(number);
    step.upload_rate(settings.changing_rate ? 0.01f / static_cast<float>(1 + number) : 0.01f);
    if (settings.recorded && !check)
      step.plan().run(stream);
    else
      step.plan().run(stream, check ? *check : nothing);
    run.losses.push_back(step.loss());
  }
  run.allocations = device.allocations() - allocations;
  for (const State::Entry& entry : step.state().entries()) {
    std::vector<float>& weights = run.weights[entry.name];
    weights.resize(static_cast<size_t>(entry.spec.shape.count()));
    device.download(entry.tensor, weights.data(), stream);
    run.file_weights[entry.name] = reorder(Numbers(weights.begin(), weights.end()), entry.spec.shape, false);
  }
  return run;
}

}  // namespace dlfs::testing
