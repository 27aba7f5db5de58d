#include <cstdint>
#include <vector>

#include "dlfs/gpu/launch.h"
#include "dlfs/gpu/number.cuh"
#include "dlfs/ops/concat/concat.h"

namespace dlfs {
namespace {

constexpr int threads = 256;

// Some channels of every pixel, from one tensor to another: what one map is to the whole. Strides, between pixels, and
// channels count numbers (in the kernel: packs).
template <typename T>
struct Strip {
  const T* from;
  T* to;
  unsigned pixels;
  int channels, from_stride, to_stride;
  bool add;
};

// One pack a thread.
template <typename T, int width>
__global__ void copy(Strip<T> of) {
  const unsigned i = blockIdx.x * threads + threadIdx.x, pixel = i / of.channels, c = i % of.channels;
  if (pixel >= of.pixels) return;
  store(of.to + (pixel * of.to_stride + c) * width,
        load<width>(of.from + (pixel * of.from_stride + c) * width), of.add);
}

template <typename T, int width>
void launch(Strip<T> of, cudaStream_t stream) {
  of.channels /= width;
  of.from_stride /= width;
  of.to_stride /= width;
  copy<T, width><<<blocks_for(int64_t{of.pixels} * of.channels, threads), threads, 0, stream>>>(of);
  check_launch("concat");
}

template <typename T>
bool in_packs(const Strip<T>& of) {
  const auto address = [](const void* at) { return reinterpret_cast<uintptr_t>(at); };
  return (address(of.from) | address(of.to)) % 16 == 0 &&
         (of.channels | of.from_stride | of.to_stride) % full_width<T> == 0;
}

// The strips one after the other: where two maps are one value, the second adds to what the first has set.
template <typename T>
KernelPtr copies(const std::vector<Strip<T>>& strips) {
  return gpu_kernel([strips](Stream stream) {
    for (const Strip<T>& strip : strips)
      (in_packs(strip) ? launch<T, full_width<T>> : launch<T, 1>)(strip,
                                                                  static_cast<cudaStream_t>(stream.native));
  });
}

template <typename T>
KernelPtr forward(const Site& site, const ConcatSettings& settings) {
  const Shape y = site.out[0].shape();
  std::vector<Strip<T>> strips;
  T* to = site.out[0].as<T>();
  for (size_t i = 0; i < settings.channels.size(); to += settings.channels[i++])
    strips.push_back({site.in[i].as<T>(), to, static_cast<unsigned>(y.count() / y.c), settings.channels[i],
                      settings.channels[i], y.c, false});
  return copies(strips);
}

template <typename T>
KernelPtr backward(const Site& site, const ConcatSettings& settings) {
  const Shape y = site.d_out[0].shape();
  std::vector<Strip<T>> strips;
  const T* from = site.d_out[0].as<T>();
  for (size_t i = 0; i < settings.channels.size(); from += settings.channels[i++])
    if (const Grad& grad = site.d_in[i]; grad.how != Write::skip)
      strips.push_back({from, grad.to.as<T>(), static_cast<unsigned>(y.count() / y.c), settings.channels[i],
                        y.c, settings.channels[i], grad.how == Write::add});
  return copies(strips);
}

}  // namespace

KernelPtr concat_forward_gpu(Device&, const Site& site, const ConcatSettings& settings) {
  return for_type(site.out[0].spec.dtype, [&]<typename T>() { return forward<T>(site, settings); });
}

KernelPtr concat_backward_gpu(Device&, const Site& site, const ConcatSettings& settings) {
  return for_type(site.d_out[0].spec.dtype, [&]<typename T>() { return backward<T>(site, settings); });
}

}  // namespace dlfs
