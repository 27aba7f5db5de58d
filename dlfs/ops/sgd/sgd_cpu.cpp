#include "dlfs/ops/sgd/sgd.h"

#include "dlfs/cpu/kernel.h"
#include "dlfs/ops/sgd/element.h"
#include "dlfs/ops/update_cpu.h"

namespace dlfs {
namespace {

template <int Parts>
KernelPtr make(const Site& site, const SgdRows& settings) {
  return cpu_kernel(
      [rows = update_rows(site, sgd_layout(settings), settings.weight_decay, settings.vectors),
       factor = update_factor(site),
       element = SgdElement<Parts>{site.in[0].as<float>(), settings.momentum, settings.nesterov}]() mutable {
        update_all<Parts>(rows, factor, element);
      });
}

}  // namespace

KernelPtr sgd_cpu(Device&, const Site& site, const SgdRows& settings) {
  return settings.momentum == 0 ? make<1>(site, settings) : make<2>(site, settings);
}

}  // namespace dlfs
