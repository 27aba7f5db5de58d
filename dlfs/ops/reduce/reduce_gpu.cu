#include "dlfs/gpu/walk.cuh"
#include "dlfs/ops/reduce/reduce.h"

namespace dlfs {
namespace {

// d_y at the place that an element of x went to, times the scale.
template <typename T>
struct Spread {
  using Stored = T;
  Source<T> d_y;
  float scale;

  bool packs() const { return d_y.packs(); }
  template <int width>
  __device__ Pack<float, width> at(Offsets offsets) const {
    Pack<float, width> values = d_y.template at<width>(offsets.a);
#pragma unroll
    for (int k = 0; k < width; ++k) values.at[k] *= scale;
    return values;
  }
};

template <typename T>
KernelPtr forward(const Site& site, const ReduceSettings& settings) {
  const Tensor &x = site.in[0], &y = site.out[0];
  const Plain<T> from{x.as<T>()};
  const SumPlan plan = plan_sum(walk(x.shape(), y.shape(), y.shape()), Walk::a, width_of(from));
  site.scratch.request(plan.partial_bytes);
  return gpu_kernel([=, &scratch = site.scratch, to = y.as<T>(),
                     scale = reduce_scale(settings, x.shape(), y.shape())](Stream stream) {
    launch_sum(stream, plan, from, static_cast<float*>(scratch.data()), to, {.scale = scale});
  });
}

template <typename T>
KernelPtr backward(const Site& site, const ReduceSettings& settings) {
  const auto& [d_x, how] = site.d_in[0];
  const Tensor& d_y = site.d_out[0];
  const Walk through = walk(d_x.shape(), d_y.shape(), d_y.shape());
  const Spread<T> spread{{d_y.as<T>(), 0, through.strides[Walk::a][Walk::inner] == 0},
                         reduce_scale(settings, d_x.shape(), d_y.shape())};
  return gpu_kernel([=, to = d_x.as<T>(), add = how == Write::add](Stream stream) {
    launch_store(stream, through, spread, to, add);
  });
}

}  // namespace

KernelPtr reduce_forward_gpu(Device&, const Site& site, const ReduceSettings& settings) {
  return for_type(site.in[0].spec.dtype, [&]<typename T>() { return forward<T>(site, settings); });
}

KernelPtr reduce_backward_gpu(Device&, const Site& site, const ReduceSettings& settings) {
  return for_type(site.d_out[0].spec.dtype, [&]<typename T>() { return backward<T>(site, settings); });
}

}  // namespace dlfs
