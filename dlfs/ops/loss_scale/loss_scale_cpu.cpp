#include <algorithm>
#include <bit>

#include "dlfs/cpu/kernel.h"
#include "dlfs/ops/loss_scale/rule.h"

namespace dlfs {
namespace {

// A float is infinite or NaN where all bits of its exponent are set.
bool all_finite(const Tensor& tensor) {
  const int64_t count = tensor.shape().count();
  uint32_t bad = 0;
  if (tensor.spec.dtype == DType::f32) {
    const float* values = tensor.as<float>();
    for (int64_t i = 0; i < count; ++i)
      bad |= static_cast<uint32_t>((std::bit_cast<uint32_t>(values[i]) & 0x7f800000) == 0x7f800000);
  } else {
    const uint32_t exponent = tensor.spec.dtype == DType::f16 ? 0x7c00 : 0x7f80;
    const uint16_t* values = tensor.as<uint16_t>();
    for (int64_t i = 0; i < count; ++i) bad |= static_cast<uint32_t>((values[i] & exponent) == exponent);
  }
  return bad == 0;
}

}  // namespace

KernelPtr loss_scale_cpu(Device&, const Site& site, const LossScaleSettings& settings) {
  const LossScaleState state{site.in[0].as<float>(), site.in[1].as<float>(), site.in[2].as<int32_t>()};
  return cpu_kernel(
      [=, in = site.in] { state.finish(std::all_of(in.begin() + 3, in.end(), all_finite), settings); });
}

}  // namespace dlfs
