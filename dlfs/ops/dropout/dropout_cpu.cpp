#include "dlfs/ops/dropout/dropout.h"

#include "dlfs/cpu/kernel.h"
#include "dlfs/cpu/number.h"

namespace dlfs {
namespace {

// Forward and backward alike: to = (or +=, with add) from * factor.
template <typename T>
void multiply(const Tensor& x, const Grad& y, const DropoutMask& mask, const Random& numbers) {
  const T* __restrict const from = x.as<T>();
  T* __restrict const to = y.to.as<T>();
  const int64_t count = x.shape().count();
  const float factors[] = {mask.scale, 0};  // looked up: a branch would be guessed wrong again and again
  const auto factor = [&](int64_t i) { return factors[mask.drops(numbers, i)]; };
  if (y.how == Write::add)
    for (int64_t i = 0; i < count; ++i) put(to[i], static_cast<float>(from[i]) * factor(i), true);
  else
    for (int64_t i = 0; i < count; ++i) to[i] = static_cast<T>(static_cast<float>(from[i]) * factor(i));
}

KernelPtr multiplying(const Tensor& from, const Grad& to, const Tensor& step, const DropoutMask& mask) {
  return cpu_kernel(from.spec.dtype,
                    [=]<typename T>() { multiply<T>(from, to, mask, mask.numbers(*step.as<int32_t>())); });
}

}  // namespace

KernelPtr dropout_forward_cpu(Device&, const Site& site, const DropoutMask& mask) {
  return multiplying(site.in[0], {site.out[0], Write::set}, site.in[1], mask);
}

KernelPtr dropout_backward_cpu(Device&, const Site& site, const DropoutMask& mask) {
  return multiplying(site.d_out[0], site.d_in[0], site.in[1], mask);
}

}  // namespace dlfs
