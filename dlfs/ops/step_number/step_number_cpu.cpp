#include "dlfs/cpu/kernel.h"
#include "dlfs/ops/step_number.h"

namespace dlfs {

KernelPtr step_number_cpu(Device&, const Site& site, const StepNumberSettings&) {
  return cpu_kernel([step = site.in[0].as<int32_t>()] { ++*step; });
}

}  // namespace dlfs
