#include "dlfs/gpu/launch.h"
#include "dlfs/gpu/number.cuh"
#include "dlfs/ops/stem/places.h"

namespace dlfs {
namespace {

constexpr int threads = 256;

// One number of the form a thread.
template <typename T>
__global__ void forward(StemPlaces places, int count, const T* w, T* y) {
  const int i = static_cast<int>(blockIdx.x * threads + threadIdx.x);
  if (i >= count) return;
  const int weight = places.weight_at(i);
  y[i] = rounded<T>(weight < 0 ? 0 : wide(w[weight]));
}

// One weight a thread.
template <typename T>
__global__ void backward(StemPlaces places, int count, const T* d_y, T* d_w, bool add) {
  const int i = static_cast<int>(blockIdx.x * threads + threadIdx.x);
  if (i >= count) return;
  const float gradient = wide(d_y[places.place_of(i)]);
  d_w[i] = rounded<T>(add ? wide(d_w[i]) + gradient : gradient);
}

template <typename T>
KernelPtr forward_kernel(const Site& site) {
  const StemPlaces places(site.in[0].shape(), site.out[0].shape());
  return gpu_kernel([places, count = static_cast<int>(places.y.count()), w = site.in[0].as<T>(),
                     y = site.out[0].as<T>()](Stream stream) {
    forward<T><<<blocks_for(count, threads), threads, 0, static_cast<cudaStream_t>(stream.native)>>>(
        places, count, w, y);
    check_launch("stem_filter forward");
  });
}

template <typename T>
KernelPtr backward_kernel(const Site& site) {
  const StemPlaces places(site.d_in[0].to.shape(), site.d_out[0].shape());
  return gpu_kernel([places, count = static_cast<int>(places.w.count()), d_y = site.d_out[0].as<T>(),
                     d_w = site.d_in[0].to.as<T>(), add = site.d_in[0].how == Write::add](Stream stream) {
    backward<T><<<blocks_for(count, threads), threads, 0, static_cast<cudaStream_t>(stream.native)>>>(
        places, count, d_y, d_w, add);
    check_launch("stem_filter backward");
  });
}

}  // namespace

KernelPtr stem_filter_forward_gpu(Device&, const Site& site, const StemFilterSettings&) {
  return for_type(site.in[0].spec.dtype, [&]<typename T>() { return forward_kernel<T>(site); });
}

KernelPtr stem_filter_backward_gpu(Device&, const Site& site, const StemFilterSettings&) {
  return for_type(site.d_out[0].spec.dtype, [&]<typename T>() { return backward_kernel<T>(site); });
}

}  // namespace dlfs
