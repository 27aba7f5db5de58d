#include <algorithm>

#include "dlfs/cpu/kernel.h"
#include "dlfs/cpu/number.h"
#include "dlfs/ops/subsample/subsample.h"

namespace dlfs {
namespace {

// Visits the rows of channels that both have, visit(where in x, where in y), in elements of T.
template <typename T, typename Visit>
void each_kept(const Tensor& x, const Tensor& y, int stride, Visit visit) {
  const Shape& of = y.shape();
  const int channels = x.shape().c, before = (of.c - channels) / 2;
  T* to = y.as<T>() + before;
  for (int n = 0; n < of.n; ++n)
    for (int i = 0; i < of.h; ++i)
      for (int j = 0; j < of.w; ++j, to += of.c)
        visit(x.as<T>() + ((int64_t{n} * x.shape().h + i * stride) * x.shape().w + j * stride) * channels,
              to);
}

template <typename T>
void keep(const Tensor& x, const Tensor& y, int stride) {
  if (x.shape().c < y.shape().c) std::fill_n(y.as<T>(), y.shape().count(), T{});
  each_kept<T>(x, y, stride, [&](const T* from, T* to) { std::copy_n(from, x.shape().c, to); });
}

template <typename T>
void give_back(const Tensor& d_y, const Grad& d_x, int stride) {
  if (d_x.how == Write::set) std::fill_n(d_x.to.as<T>(), d_x.to.shape().count(), T{});
  each_kept<T>(d_x.to, d_y, stride, [&](T* to, const T* from) {
    for (int c = 0; c < d_x.to.shape().c; ++c) put(to[c], static_cast<float>(from[c]), true);
  });
}

}  // namespace

KernelPtr subsample_forward_cpu(Device&, const Site& site, const SubsampleSettings& settings) {
  return cpu_kernel(site.in[0].spec.dtype,
                    [=]<typename T>() { keep<T>(site.in[0], site.out[0], settings.stride); });
}

KernelPtr subsample_backward_cpu(Device&, const Site& site, const SubsampleSettings& settings) {
  return cpu_kernel(site.d_out[0].spec.dtype,
                    [=]<typename T>() { give_back<T>(site.d_out[0], site.d_in[0], settings.stride); });
}

}  // namespace dlfs
