#include "dlfs/gpu/launch.h"
#include "dlfs/gpu/number.cuh"
#include "dlfs/ops/dropout/dropout.h"

namespace dlfs {
namespace {

constexpr int threads = 256;

// One pack a thread, forward and backward alike: to = (or +=, with add) from * factor.
template <typename T, int width>
__global__ void multiply(unsigned packs, DropoutMask mask, const int* step, const T* from, T* to, bool add) {
  const unsigned i = blockIdx.x * threads + threadIdx.x;
  if (i >= packs) return;
  const Random numbers = mask.numbers(*step);
  Pack<float, width> value = load<width>(from + i * width);
  for (int k = 0; k < width; ++k)
    value.at[k] *= mask.drops(numbers, uint64_t{i} * width + k) ? 0 : mask.scale;
  store(to + i * width, value, add);
}

template <typename T, int width>
void launch(const DropoutMask& mask, const Tensor& step, const Tensor& from, const Grad& to,
            cudaStream_t stream) {
  const int64_t packs = from.shape().count() / width;
  multiply<T, width><<<blocks_for(packs, threads), threads, 0, stream>>>(
      static_cast<unsigned>(packs), mask, step.as<int>(), from.as<T>(), to.to.as<T>(), to.how == Write::add);
  check_launch("dropout");
}

KernelPtr multiply_kernel(const DropoutMask& mask, const Tensor& step, const Tensor& from, const Grad& to) {
  const auto work = for_type(from.spec.dtype, [&]<typename T>() {
    return from.shape().count() % full_width<T> == 0 ? launch<T, full_width<T>> : launch<T, 1>;
  });
  return gpu_kernel(
      [=](Stream stream) { work(mask, step, from, to, static_cast<cudaStream_t>(stream.native)); });
}

}  // namespace

KernelPtr dropout_forward_gpu(Device&, const Site& site, const DropoutMask& mask) {
  return multiply_kernel(mask, site.in[1], site.in[0], {site.out[0], Write::set});
}

KernelPtr dropout_backward_gpu(Device&, const Site& site, const DropoutMask& mask) {
  return multiply_kernel(mask, site.in[1], site.d_out[0], site.d_in[0]);
}

}  // namespace dlfs
