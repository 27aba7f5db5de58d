#include "dlfs/main/rates.h"

#include <algorithm>

#include "dlfs/graph/profile.h"
#include "dlfs/main/bench.h"
#include "dlfs/ops/elementwise/elementwise.h"
#include "dlfs/ops/linear/linear.h"
#include "dlfs/ops/reduce/reduce.h"
#include "dlfs/ops/sgd/sgd.h"

namespace dlfs {
namespace {

// Memory on the device, filled with numbers in [-0.5, 0.5).
class Filled {
 public:
  Filled(Device& device, const Spec& spec)
      : memory_(device.allocate(bytes(spec))), tensor_{spec, memory_->data()} {
    std::vector<float> values(static_cast<size_t>(spec.shape.count()));
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<float>(static_cast<uint32_t>(i * 2654435761U)) * 0x1p-32F - 0.5F;
    upload_numbers(device, tensor_, values);
  }
  const Tensor& operator*() const { return tensor_; }

 private:
  MemoryPtr memory_;
  Tensor tensor_;
};

// p = p - rate * g: reads two tensors and writes one.
double update_rate(Device& device) {
  const int megabytes = device.kind() == DeviceKind::gpu ? 256 : 128;
  const Spec spec{{megabytes, 1, 512, 512}};
  const Filled p(device, spec), g(device, spec), rate(device, {});
  Scratch scratch;
  const KernelPtr add =
      sgd_function({.momentum = 0})->forward(device, {{*rate, *p, *g, {}, {}}, {}, {}, {}, {}, scratch});
  return 3 * static_cast<double>(bytes(spec)) / measure_kernel(device, *add).fastest;
}

double matrix_rate(Device& device, Precision precision, int n) {
  const FunctionPtr linear = linear_function({});
  const Spec of{{n, 1, 1, n}, matrix_type(precision)};
  const Filled x(device, of), w(device, of),
      y(device, linear->infer({{of, of, absent}, Mode::infer, precision}).outputs[0]);
  Scratch scratch;
  const KernelPtr product = linear->forward(device, {{*x, *w, {}}, {*y}, {}, {}, {}, scratch, precision});
  scratch.allocate(device);
  return 2.0 * n * n * n / measure_kernel(device, *product).fastest;
}

// Bytes of x and of y, that a function makes of it, by its time.
double rate_of(Device& device, const Function& function) {
  const int megabytes = device.kind() == DeviceKind::gpu ? 1024 : 128;
  const Spec spec{{megabytes, 1, 512, 512}};
  const Filled x(device, spec), y(device, function.infer({{spec}}).outputs[0]);
  Scratch scratch;
  const KernelPtr kernel = function.forward(device, {{*x}, {*y}, {}, {}, {}, scratch});
  scratch.allocate(device);
  return static_cast<double>(bytes((*x).spec) + bytes((*y).spec)) / measure_kernel(device, *kernel).fastest;
}

}  // namespace

double measure_copy(Device& device) {
  return rate_of(device, *elementwise_function({.kind = Elementwise::relu}));
}

double measure_read(Device& device) { return rate_of(device, *reduce_function({})); }

double measure_matrix(Device& device, Precision precision) {
  // Few cores do best where caches hold all; Tensor Cores, where a product is large.
  const int large = device.kind() == DeviceKind::gpu ? 4096 : 1024;
  double best = 0;
  for (const int n : {large / 2, large, 2 * large})
    if (n < 2 * large || matrix_type(precision) != DType::f32)
      best = std::max(best, matrix_rate(device, precision, n));
  return best;
}

Rates measure_rates(Device& device, Precision precision) {
  return {.bytes = update_rate(device), .flops = measure_matrix(device, precision)};
}

std::string to_string(const Rates& rates) {
  const bool fast = rates.flops >= 1e13;
  return concat("copy ", fixed(rates.bytes / 1e9, rates.bytes < 1e11 ? 1 : 0), " GB/s, matrix ",
                fast ? fixed(rates.flops / 1e12, 1) + " TFLOP/s" : fixed(rates.flops / 1e9, 1) + " GFLOP/s");
}

}  // namespace dlfs
