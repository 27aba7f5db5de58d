#include "dlfs/ops/accumulate/accumulate.h"

#include "dlfs/cpu/kernel.h"
#include "dlfs/ops/accumulate/element.h"
#include "dlfs/ops/update_cpu.h"

namespace dlfs {

KernelPtr accumulate_cpu(Device&, const Site& site, const AccumulateSettings& settings) {
  return cpu_kernel([rows = update_rows(site, accumulate_layout()), factor = update_factor(site),
                     element = AccumulateElement{site.in[0].as<int32_t>(), site.in[1].as<float>(),
                                                 settings.micro_batches}]() mutable {
    element.finish(update_all<1>(rows, factor, element));
  });
}

}  // namespace dlfs
