#include "dlfs/cpu/kernel.h"
#include "dlfs/cpu/number.h"
#include "dlfs/ops/stem/places.h"

namespace dlfs {

KernelPtr stem_filter_forward_cpu(Device&, const Site& site, const StemFilterSettings&) {
  const Tensor &w = site.in[0], &y = site.out[0];
  return cpu_kernel(w.spec.dtype, [w, y, places = StemPlaces(w.shape(), y.shape())]<typename T>() {
    for (int i = 0; i < places.y.count(); ++i) {
      const int weight = places.weight_at(i);
      y.as<T>()[i] = weight < 0 ? T(0) : w.as<T>()[weight];
    }
  });
}

KernelPtr stem_filter_backward_cpu(Device&, const Site& site, const StemFilterSettings&) {
  const Tensor& d_y = site.d_out[0];
  const Grad& d_w = site.d_in[0];
  return cpu_kernel(
      d_y.spec.dtype, [d_y, d_w, places = StemPlaces(d_w.to.shape(), d_y.shape())]<typename T>() {
        for (int i = 0; i < places.w.count(); ++i)
          put(d_w.to.as<T>()[i], static_cast<float>(d_y.as<T>()[places.place_of(i)]), d_w.how == Write::add);
      });
}

}  // namespace dlfs
