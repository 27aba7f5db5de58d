#include "dlfs/main/rates.h"

#include <algorithm>

#include "dlfs/graph/profile.h"
#include "dlfs/ops/linear/linear.h"
#include "dlfs/ops/sgd/sgd.h"

namespace dlfs {
namespace {

// Memory on the device, filled with numbers in [-0.5, 0.5).
class Filled {
 public:
  Filled(Device& device, const Shape& shape)
      : memory_(device.allocate(bytes(Spec{shape}))), tensor_{{shape}, memory_->data()} {
    std::vector<float> values(static_cast<size_t>(shape.count()));
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<float>(static_cast<uint32_t>(i * 2654435761U)) * 0x1p-32F - 0.5F;
    device.upload(tensor_, values.data(), device.stream());
    device.synchronize(device.stream());
  }
  const Tensor& operator*() const { return tensor_; }

 private:
  MemoryPtr memory_;
  Tensor tensor_;
};

// p = p - rate * g: reads two tensors and writes one.
double copy_rate(Device& device) {
  const int megabytes = device.kind() == DeviceKind::gpu ? 256 : 128;
  const Filled p(device, {megabytes, 1, 512, 512}), g(device, {megabytes, 1, 512, 512}), rate(device, {});
  Scratch scratch;
  const KernelPtr add =
      sgd_function({.momentum = 0})->forward(device, {{*rate, *p, *g}, {}, {}, {}, {}, scratch});
  return 3 * static_cast<double>(bytes((*p).spec)) / measure_kernel(device, *add).fastest;
}

double matrix_rate(Device& device, Precision precision, int n) {
  const Filled x(device, {n, 1, 1, n}), w(device, {n, 1, 1, n}), y(device, {n, 1, 1, n});
  Scratch scratch;
  const KernelPtr product =
      linear_function({})->forward(device, {{*x, *w, {}}, {*y}, {}, {}, {}, scratch, precision});
  scratch.allocate(device);
  return 2.0 * n * n * n / measure_kernel(device, *product).fastest;
}

}  // namespace

Rates measure_rates(Device& device, Precision precision) {
  const int large =
      device.kind() == DeviceKind::gpu ? 4096 : 1024;  // few cores do best where caches hold all
  return {
      .bytes = copy_rate(device),
      .flops = std::max(matrix_rate(device, precision, large), matrix_rate(device, precision, large / 2))};
}

std::string to_string(const Rates& rates) {
  const bool fast = rates.flops >= 1e13;
  return concat("copy ", fixed(rates.bytes / 1e9, rates.bytes < 1e11 ? 1 : 0), " GB/s, matrix ",
                fast ? fixed(rates.flops / 1e12, 1) + " TFLOP/s" : fixed(rates.flops / 1e9, 1) + " GFLOP/s");
}

}  // namespace dlfs
