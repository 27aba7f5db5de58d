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

// The shortest time that a function takes; its inputs (an absent one is none) hold numbers in [-0.5, 0.5).
double fastest(Device& device, const Function& function, const std::vector<Spec>& in,
               Precision precision = Precision::f32) {
  std::vector<MemoryPtr> memories;
  const auto filled = [&](const Spec& spec) {
    if (!spec) return Tensor{};
    const Tensor tensor{spec, memories.emplace_back(device.allocate(bytes(spec)))->data()};
    std::vector<float> values(static_cast<size_t>(spec.shape.count()));
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<float>(static_cast<uint32_t>(i * 2654435761U)) * 0x1p-32F - 0.5F;
    upload_numbers(device, tensor, values);
    return tensor;
  };
  Scratch scratch;
  Site site{{}, {}, {}, {}, {}, scratch, precision};
  for (const Spec& spec : in) site.in.push_back(filled(spec));
  for (const Spec& spec : function.infer({in, Mode::infer, precision}).outputs)
    site.out.push_back(filled(spec));
  const KernelPtr kernel = function.forward(device, site);
  scratch.allocate(device);
  return measure_kernel(device, *kernel).fastest;
}

// So much of f32, or on a CPU 128 MiB: far more than any cache holds.
Spec large_map(const Device& device, int megabytes) {
  return {{device.kind() == DeviceKind::gpu ? megabytes : 128, 1, 512, 512}};
}

// p = p - rate * g: reads two tensors and writes one.
double update_rate(Device& device) {
  const Spec p = large_map(device, 256);
  const double seconds = fastest(device, *sgd_function({.momentum = 0}), {Spec{}, p, p, absent, absent});
  return 3 * static_cast<double>(bytes(p)) / seconds;
}

double matrix_rate(Device& device, Precision precision, int n) {
  const Spec of{{n, 1, 1, n}, matrix_type(precision)};
  return 2.0 * n * n * n / fastest(device, *linear_function({}), {of, of, absent}, precision);
}

}  // namespace

double measure_copy(Device& device) {
  const Spec x = large_map(device, 1024);
  const FunctionPtr relu = elementwise_function({.kind = Elementwise::relu});
  return 2 * static_cast<double>(bytes(x)) / fastest(device, *relu, {x});
}

double measure_read(Device& device) {
  const Spec x = large_map(device, 1024);
  return static_cast<double>(bytes(x)) / fastest(device, *reduce_function({}), {x});
}

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
