#include "dlfs/ops/sgd/element.h"
#include "dlfs/ops/sgd/sgd.h"
#include "dlfs/ops/update_gpu.cuh"

namespace dlfs {
namespace {

template <int parts>
KernelPtr make(Device& device, const Site& site, const SgdRows& settings) {
  const UpdateTable<parts> table(
      device, update_rows(site, sgd_layout(settings), settings.weight_decay, settings.vectors),
      update_factor(site));
  const SgdElement<parts> element{site.in[0].as<float>(), settings.momentum, settings.nesterov};
  return gpu_kernel([table, element](Stream stream) { table.launch(element, "sgd", stream); });
}

}  // namespace

KernelPtr sgd_gpu(Device& device, const Site& site, const SgdRows& settings) {
  return settings.momentum == 0 ? make<1>(device, site, settings) : make<2>(device, site, settings);
}

}  // namespace dlfs
