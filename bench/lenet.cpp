// How fast one training step of LeNet runs: a fixed batch that lies on the device, the recorded step, the median of
// many. The loss after the steps is printed too, so that it can be held against bench/peers/lenet.py, which does the
// same work from the same formula-made weights and batch in PyTorch. JSON lines.
//
//   bench_lenet [cpu|gpu]      (gpu where there is one)
#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>

#include "dlfs/base/json.h"
#include "dlfs/base/random.h"
#include "dlfs/cpu/cpu_device.h"
#include "dlfs/gpu/gpu.h"
#include "dlfs/graph/plan.h"
#include "dlfs/models/models.h"
#include "dlfs/ops/sgd/sgd.h"
#include "dlfs/ops/softmax_cross_entropy/softmax_cross_entropy.h"

namespace {

using namespace dlfs;

std::vector<float> formula(const std::string& key, int64_t count, double low, double high) {
  const Random random(key_of(key));
  std::vector<float> values(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i)
    values[i] = static_cast<float>(low + (high - low) * static_cast<double>(random.uniform(i)));
  return values;
}

// PyTorch's weights (n,c,y,x) of tools/golden.py in our order.
std::vector<float> weights(const State::Entry& entry) {
  const Shape& s = entry.spec.shape;
  const double bound = entry.layout == FileLayout::vector ? 0.1 : std::sqrt(6.0 / (s.h * s.w * s.c));
  const std::vector<float> file = formula("lenet/" + entry.name, s.count(), -bound, bound);
  std::vector<float> memory;
  for (int n = 0; n < s.n; ++n)
    for (int y = 0; y < s.h; ++y)
      for (int x = 0; x < s.w; ++x)
        for (int c = 0; c < s.c; ++c)
          memory.push_back(file[((static_cast<size_t>(n) * s.c + c) * s.h + y) * s.w + x]);
  return memory;
}

void measure(Device& device, Precision precision, int batch) {
  State state(1);
  Trace trace(state, {.mode = Mode::train, .precision = precision});
  const Value images = trace.input("images", {{batch, 28, 28, 1}});
  const Value labels = trace.input("labels", {{batch, 1, 1, 1}, DType::i32});
  trace.loss("loss", softmax_cross_entropy(lenet(images, 10), labels));
  sgd(trace, trace.input("rate", {{1, 1, 1, 1}}), {.momentum = 0.9f});
  Plan plan(std::move(trace));
  plan.compile(device);

  const Stream stream = device.stream();
  for (const State::Entry& entry : state.entries())
    if (entry.role == Role::parameter) device.upload(entry.tensor, weights(entry).data(), stream);
  device.upload(plan["images"], formula("lenet/images0", int64_t{batch} * 784, -1, 2).data(), stream);
  std::vector<int32_t> classes;
  for (const float u : formula("lenet/labels0", batch, 0, 1))
    classes.push_back(static_cast<int32_t>(double{u} * 10));
  device.upload(plan["labels"], classes.data(), stream);
  const float rate = 0.01f;
  device.upload(plan["rate"], &rate, stream);

  const auto run = [&](int steps) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < steps; ++i) plan.run(stream);
    device.synchronize(stream);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / steps;
  };
  run(20);
  float loss = 0;
  device.download(plan["loss"], &loss, stream);
  const bool gpu = device.kind() == DeviceKind::gpu;
  std::vector<double> seconds;
  for (int i = 0; i < (gpu ? 21 : 5); ++i) seconds.push_back(run(gpu ? 100 : 5));
  std::nth_element(seconds.begin(), seconds.begin() + seconds.size() / 2, seconds.end());
  const double median = seconds[seconds.size() / 2];
  std::cout << JsonWriter()
                   .object()
                   .field("what", "lenet training step")
                   .field("by", "dlfs")
                   .field("mode", "recorded")
                   .field("precision", to_string(precision))
                   .field("batch", batch)
                   .field("microseconds", std::round(median * 1e7) / 10)
                   .field("images_per_second", std::round(batch / median))
                   .field("loss_after_20_steps", loss)
                   .close()
                   .text()
            << std::endl;
}

}  // namespace

int main(int count, char** words) {
  try {
    const std::string wanted = count > 1 ? words[1] : look_for_gpus().why_not.empty() ? "gpu" : "cpu";
    const std::unique_ptr<Device> device = wanted == "gpu" ? open_gpu(0) : open_cpu();
    for (const Precision precision : {Precision::f32, Precision::tf32})
      for (const int batch : {64, 256})
        if (wanted == "gpu" || (precision == Precision::f32 && batch == 64))
          measure(*device, precision, batch);
  } catch (const Error& error) {
    std::cerr << "bench_lenet: " << error.what() << "\n";
    return 2;
  }
}
