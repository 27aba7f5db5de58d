#include <algorithm>

#include "dlfs/ops/subsample/subsample.h"
#include "dlfs/tensor/half.h"

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
struct Forward : Kernel {
  Forward(const Site& site, int step) : x(site.in[0]), y(site.out[0]), stride(step) {}

  void run(Stream) override {
    if (x.shape().c < y.shape().c) std::fill_n(y.as<T>(), y.shape().count(), T{});
    each_kept<T>(x, y, stride, [&](const T* from, T* to) { std::copy_n(from, x.shape().c, to); });
  }

  Tensor x, y;
  int stride;
};

template <typename T>
struct Backward : Kernel {
  Backward(const Site& site, int step) : d_y(site.d_out[0]), d_x(site.d_in[0]), stride(step) {}

  void run(Stream) override {
    if (d_x.how == Write::set) std::fill_n(d_x.to.as<T>(), d_x.to.shape().count(), T{});
    each_kept<T>(d_x.to, d_y, stride, [&](T* to, const T* from) {
      for (int c = 0; c < d_x.to.shape().c; ++c)
        to[c] = T(static_cast<float>(to[c]) + static_cast<float>(from[c]));
    });
  }

  Tensor d_y;
  Grad d_x;
  int stride;
};

template <template <typename> typename Half>
KernelPtr in_type(DType dtype, const Site& site, int stride) {
  if (dtype == DType::bf16) return std::make_unique<Half<Bf16>>(site, stride);
  return std::make_unique<Half<float>>(site, stride);
}

}  // namespace

KernelPtr subsample_forward_cpu(Device&, const Site& site, const SubsampleSettings& settings) {
  return in_type<Forward>(site.in[0].spec.dtype, site, settings.stride);
}

KernelPtr subsample_backward_cpu(Device&, const Site& site, const SubsampleSettings& settings) {
  return in_type<Backward>(site.d_out[0].spec.dtype, site, settings.stride);
}

}  // namespace dlfs
