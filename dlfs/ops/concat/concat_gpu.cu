#include <cstdint>
#include <vector>

#include "dlfs/gpu/launch.h"
#include "dlfs/gpu/pack.h"
#include "dlfs/ops/concat/concat.h"

namespace dlfs {
namespace {

constexpr int threads = 256;

// Some channels of every pixel, from one tensor to another: what one map is to the whole. Strides, between pixels, and
// channels count floats (in the kernel: packs).
struct Strip {
  const float* from;
  float* to;
  unsigned pixels;
  int channels, from_stride, to_stride;
  bool add;
};

// One pack a thread.
template <int width>
__global__ void copy(Strip of) {
  const unsigned i = blockIdx.x * threads + threadIdx.x, pixel = i / of.channels, c = i % of.channels;
  if (pixel >= of.pixels) return;
  const auto* from = reinterpret_cast<const Pack<float, width>*>(of.from);
  auto* to = reinterpret_cast<Pack<float, width>*>(of.to) + pixel * of.to_stride + c;
  Pack<float, width> value = from[pixel * of.from_stride + c];
  if (of.add) accumulate(value, *to);
  *to = value;
}

template <int width>
void launch(Strip of, cudaStream_t stream) {
  of.channels /= width;
  of.from_stride /= width;
  of.to_stride /= width;
  copy<width><<<blocks_for(int64_t{of.pixels} * of.channels, threads), threads, 0, stream>>>(of);
  check_launch("concat");
}

bool in_fours(const Strip& of) {
  const auto address = [](const void* at) { return reinterpret_cast<uintptr_t>(at); };
  return (address(of.from) | address(of.to)) % sizeof(Pack<float, 4>) == 0 &&
         (of.channels | of.from_stride | of.to_stride) % 4 == 0;
}

// The strips one after the other: where two maps are one value, the second adds to what the first has set.
KernelPtr copies(const std::vector<Strip>& strips) {
  return gpu_kernel([strips](Stream stream) {
    for (const Strip& strip : strips)
      (in_fours(strip) ? launch<4> : launch<1>)(strip, static_cast<cudaStream_t>(stream.native));
  });
}

}  // namespace

KernelPtr concat_forward_gpu(Device&, const Site& site, const ConcatSettings& settings) {
  const Shape y = site.out[0].shape();
  std::vector<Strip> strips;
  float* to = site.out[0].as<float>();
  for (size_t i = 0; i < settings.channels.size(); to += settings.channels[i++])
    strips.push_back({site.in[i].as<float>(), to, static_cast<unsigned>(y.count() / y.c),
                      settings.channels[i], settings.channels[i], y.c, false});
  return copies(strips);
}

KernelPtr concat_backward_gpu(Device&, const Site& site, const ConcatSettings& settings) {
  const Shape y = site.d_out[0].shape();
  std::vector<Strip> strips;
  const float* from = site.d_out[0].as<float>();
  for (size_t i = 0; i < settings.channels.size(); from += settings.channels[i++])
    if (const Grad& grad = site.d_in[i]; grad.how != Write::skip)
      strips.push_back({from, grad.to.as<float>(), static_cast<unsigned>(y.count() / y.c),
                        settings.channels[i], y.c, settings.channels[i], grad.how == Write::add});
  return copies(strips);
}

}  // namespace dlfs
