#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "dlfs/gpu/divisor.h"
#include "dlfs/gpu/launch.h"
#include "dlfs/ops/fold_norm/fold_norm.h"

namespace dlfs {
namespace {

constexpr int threads = 256;

struct Tensors {
  const float *w, *conv_bias, *scale, *bias, *mean, *variance;
  float* folded_bias;
};

// One weight a thread; the first of a filter makes its bias too.
template <typename T>
__global__ void fold(Tensors of, Divisor filter, unsigned count, float epsilon, T* folded_w) {
  const unsigned i = blockIdx.x * threads + threadIdx.x;
  if (i >= count) return;
  unsigned rest = 0;
  const unsigned k = filter.split(i, rest);
  const float a = of.scale[k] / sqrtf(of.variance[k] + epsilon);
  folded_w[i] = static_cast<T>(a * of.w[i]);
  if (rest == 0)
    of.folded_bias[k] = fmaf(a, (of.conv_bias == nullptr ? 0 : of.conv_bias[k]) - of.mean[k], of.bias[k]);
}

template <typename T>
KernelPtr make(const Site& site, const FoldNormSettings& settings) {
  const auto at = [&](size_t input) { return site.in[input].as<float>(); };
  const Tensors of{at(0), at(1), at(2), at(3), at(4), at(5), site.out[1].as<float>()};
  const Shape& w = site.in[0].shape();
  const auto count = static_cast<unsigned>(w.count());
  const Divisor filter(count / static_cast<unsigned>(w.n));
  return gpu_kernel([of, filter, count, epsilon = settings.epsilon, to = site.out[0].as<T>()](Stream stream) {
    fold<T><<<blocks_for(count, threads), threads, 0, static_cast<cudaStream_t>(stream.native)>>>(
        of, filter, count, epsilon, to);
    check_launch("fold_norm");
  });
}

}  // namespace

KernelPtr fold_norm_forward_gpu(Device&, const Site& site, const FoldNormSettings& settings) {
  switch (site.out[0].spec.dtype) {
    case DType::f16:
      return make<__half>(site, settings);
    case DType::bf16:
      return make<__nv_bfloat16>(site, settings);
    default:
      return make<float>(site, settings);
  }
}

}  // namespace dlfs
