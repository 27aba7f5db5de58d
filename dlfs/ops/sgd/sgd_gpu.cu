#include "dlfs/ops/sgd/sgd.h"
#include "dlfs/ops/update_gpu.cuh"

namespace dlfs {
namespace {

// The order of the header, each product with its sum rounded once.
struct Update {
  const float* rate_at;
  SgdSettings with;
  float rate = 0;

  __device__ void begin() { rate = *rate_at; }

  template <int parts>
  __device__ void operator()(float (&at)[parts]) const {
    const float g = fmaf(with.weight_decay, at[0], at[1]);
    float step = g;
    if constexpr (parts == 3) {
      at[2] = fmaf(with.momentum, at[2], g);
      step = with.nesterov ? fmaf(with.momentum, at[2], g) : at[2];
    }
    at[0] = fmaf(-rate, step, at[0]);
  }
};

template <int parts>
KernelPtr make(Device& device, const Site& site, const SgdSettings& settings) {
  const UpdateTable<parts> table(device, update_rows(site, sgd_layout(settings)));
  const Update update{site.in[0].as<float>(), settings};
  return gpu_kernel([table, update](Stream stream) { table.launch(update, "sgd", stream); });
}

}  // namespace

KernelPtr sgd_gpu(Device& device, const Site& site, const SgdSettings& settings) {
  return settings.momentum == 0 ? make<2>(device, site, settings) : make<3>(device, site, settings);
}

}  // namespace dlfs
