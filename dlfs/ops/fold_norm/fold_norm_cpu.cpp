#include <cmath>

#include "dlfs/cpu/kernel.h"
#include "dlfs/ops/fold_norm/fold_norm.h"
#include "dlfs/tensor/half.h"

namespace dlfs {
namespace {

void fold(const Site& site, double epsilon) {
  const auto number = [&](size_t input, int64_t i) { return double{site.in[input].as<float>()[i]}; };
  const Tensor &w = site.out[0], &bias = site.out[1];
  const int64_t filters = w.shape().n, size = w.shape().count() / filters;
  for (int64_t k = 0; k < filters; ++k) {
    const double a = number(2, k) / std::sqrt(number(5, k) + epsilon);
    for (int64_t i = k * size; i < (k + 1) * size; ++i) set_number(w.data, w.spec.dtype, i, a * number(0, i));
    const double own = site.in[1] ? number(1, k) : 0;
    bias.as<float>()[k] = static_cast<float>(a * (own - number(4, k)) + number(3, k));
  }
}

}  // namespace

KernelPtr fold_norm_forward_cpu(Device&, const Site& site, const FoldNormSettings& settings) {
  return cpu_kernel([=] { fold(site, settings.epsilon); });
}

}  // namespace dlfs
