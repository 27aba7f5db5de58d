#include "dlfs/ops/accumulate/accumulate.h"
#include "dlfs/ops/accumulate/element.h"
#include "dlfs/ops/update_gpu.cuh"

namespace dlfs {
namespace {

// After all blocks have read the old counts.
__global__ void finish(const float* factor, AccumulateElement element) {
  element.finish(factor == nullptr || *factor != 0);
}

}  // namespace

KernelPtr accumulate_gpu(Device& device, const Site& site, const AccumulateSettings& settings) {
  const UpdateTable<1> table(device, update_rows(site, accumulate_layout()), update_factor(site));
  const AccumulateElement element{site.in[0].as<int32_t>(), site.in[1].as<float>(), settings.micro_batches};
  return gpu_kernel([table, element](Stream stream) {
    table.launch(element, "accumulate", stream);
    finish<<<1, 1, 0, static_cast<cudaStream_t>(stream.native)>>>(table.factor(), element);
    check_launch("accumulate's counter");
  });
}

}  // namespace dlfs
