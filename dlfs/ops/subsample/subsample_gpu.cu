#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "dlfs/gpu/launch.h"
#include "dlfs/gpu/pack.h"
#include "dlfs/ops/subsample/subsample.h"

namespace dlfs {
namespace {

constexpr int threads = 256;

// The map with all pixels and the one with all channels; channels count packs.
struct Maps {
  Maps(const Shape& pixels, const Shape& channels, int step, int width)
      : height(pixels.h),
        across(pixels.w),
        narrow(pixels.c / width),
        small_height(channels.h),
        small_across(channels.w),
        wide(channels.c / width),
        before((channels.c - pixels.c) / 2 / width),
        stride(step) {}

  int height, across, narrow, small_height, small_across, wide, before, stride;
};

// One pack of y a thread.
template <typename T, int width>
__global__ void forward(Maps of, Places places, const Pack<T, width>* x, Pack<T, width>* y) {
  const unsigned i = blockIdx.x * threads + threadIdx.x;
  if (i >= places.count) return;
  const Place to = places.at(i);
  const int c = to.c - of.before;
  Pack<T, width> value;
#pragma unroll
  for (int k = 0; k < width; ++k) value.at[k] = T(0.0f);
  if (c >= 0 && c < of.narrow)
    value = x[((to.n * of.height + to.h * of.stride) * of.across + to.w * of.stride) * of.narrow + c];
  y[i] = value;
}

// One pack of d_x a thread; one that was passed over gets zeros, or keeps what it has.
template <typename T, int width>
__global__ void backward(Maps of, Places places, const Pack<T, width>* d_y, Pack<T, width>* d_x, bool add) {
  const unsigned i = blockIdx.x * threads + threadIdx.x;
  if (i >= places.count) return;
  const Place to = places.at(i);
  const bool kept = to.h % of.stride == 0 && to.w % of.stride == 0;
  if (!kept && add) return;
  Pack<T, width> value;
#pragma unroll
  for (int k = 0; k < width; ++k) value.at[k] = T(0.0f);
  if (kept) {
    const int row = to.n * of.small_height + to.h / of.stride;
    value = d_y[(row * of.small_across + to.w / of.stride) * of.wide + of.before + to.c];
  }
  if (add) {
    const Pack<T, width> held = d_x[i];
#pragma unroll
    for (int k = 0; k < width; ++k)
      value.at[k] = T(static_cast<float>(held.at[k]) + static_cast<float>(value.at[k]));
  }
  d_x[i] = value;
}

template <typename T, int width>
KernelPtr forward_kernel(const Site& site, int stride) {
  const Maps of(site.in[0].shape(), site.out[0].shape(), stride, width);
  const Places places(site.out[0].shape(), width);
  return gpu_kernel([of, places, x = site.in[0], y = site.out[0]](Stream stream) {
    forward<T, width>
        <<<blocks_for(places.count, threads), threads, 0, static_cast<cudaStream_t>(stream.native)>>>(
            of, places, x.template as<Pack<T, width>>(), y.template as<Pack<T, width>>());
    check_launch("subsample forward");
  });
}

template <typename T, int width>
KernelPtr backward_kernel(const Site& site, int stride) {
  const Grad d_x = site.d_in[0];
  const Maps of(d_x.to.shape(), site.d_out[0].shape(), stride, width);
  const Places places(d_x.to.shape(), width);
  return gpu_kernel([of, places, d_x, d_y = site.d_out[0]](Stream stream) {
    backward<T, width>
        <<<blocks_for(places.count, threads), threads, 0, static_cast<cudaStream_t>(stream.native)>>>(
            of, places, d_y.template as<Pack<T, width>>(), d_x.to.template as<Pack<T, width>>(),
            d_x.how == Write::add);
    check_launch("subsample backward");
  });
}

// Four channels at once where x, y and the zeros before x's channels come in fours.
bool in_fours(const Shape& x, const Shape& y) { return (x.c | y.c | (y.c - x.c) / 2) % 4 == 0; }

}  // namespace

KernelPtr subsample_forward_gpu(Device&, const Site& site, const SubsampleSettings& settings) {
  const bool fours = in_fours(site.in[0].shape(), site.out[0].shape());
  const auto make = [&](auto wide, auto narrow) { return (fours ? wide : narrow)(site, settings.stride); };
  switch (site.in[0].spec.dtype) {
    case DType::f16:
      return make(forward_kernel<__half, 4>, forward_kernel<__half, 1>);
    case DType::bf16:
      return make(forward_kernel<__nv_bfloat16, 4>, forward_kernel<__nv_bfloat16, 1>);
    default:
      return make(forward_kernel<float, 4>, forward_kernel<float, 1>);
  }
}

KernelPtr subsample_backward_gpu(Device&, const Site& site, const SubsampleSettings& settings) {
  const bool fours = in_fours(site.d_in[0].to.shape(), site.d_out[0].shape());
  const auto make = [&](auto wide, auto narrow) { return (fours ? wide : narrow)(site, settings.stride); };
  switch (site.d_out[0].spec.dtype) {
    case DType::f16:
      return make(backward_kernel<__half, 4>, backward_kernel<__half, 1>);
    case DType::bf16:
      return make(backward_kernel<__nv_bfloat16, 4>, backward_kernel<__nv_bfloat16, 1>);
    default:
      return make(backward_kernel<float, 4>, backward_kernel<float, 1>);
  }
}

}  // namespace dlfs
