#include <algorithm>

#include "dlfs/cpu/kernel.h"
#include "dlfs/cpu/number.h"
#include "dlfs/ops/concat/concat.h"

namespace dlfs {
namespace {

template <typename T>
void put_together(const Site& site, const std::vector<int>& channels) {
  const Tensor& y = site.out[0];
  const int64_t pixels = y.shape().count() / y.shape().c;
  T* to = y.as<T>();
  for (int64_t pixel = 0; pixel < pixels; ++pixel)
    for (size_t i = 0; i < channels.size(); ++i)
      to = std::copy_n(site.in[i].as<T>() + pixel * channels[i], channels[i], to);
}

// The gradient of one map, whose channels begin at `from` in the first pixel of d_y.
template <typename T>
void take_out(const Tensor& d_y, const T* from, const Grad& to, int channels) {
  const int all = d_y.shape().c;
  const int64_t pixels = d_y.shape().count() / all;
  for (int64_t pixel = 0; pixel < pixels; ++pixel) {
    const T* __restrict const gradients = from + pixel * all;
    T* __restrict const d_map = to.to.as<T>() + pixel * channels;
    if (to.how == Write::set)
      std::copy_n(gradients, channels, d_map);
    else
      for (int c = 0; c < channels; ++c) put(d_map[c], static_cast<float>(gradients[c]), true);
  }
}

// Map after map: where two are one value, the second adds to what the first has set.
template <typename T>
void take_apart(const Site& site, const std::vector<int>& channels) {
  const T* from = site.d_out[0].as<T>();
  for (size_t i = 0; i < channels.size(); from += channels[i++])
    if (site.d_in[i].how != Write::skip) take_out(site.d_out[0], from, site.d_in[i], channels[i]);
}

}  // namespace

KernelPtr concat_forward_cpu(Device&, const Site& site, const ConcatSettings& settings) {
  return cpu_kernel(site.out[0].spec.dtype, [=]<typename T>() { put_together<T>(site, settings.channels); });
}

KernelPtr concat_backward_cpu(Device&, const Site& site, const ConcatSettings& settings) {
  return cpu_kernel(site.d_out[0].spec.dtype, [=]<typename T>() { take_apart<T>(site, settings.channels); });
}

}  // namespace dlfs
