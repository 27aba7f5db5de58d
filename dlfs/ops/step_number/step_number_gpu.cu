#include "dlfs/gpu/launch.h"
#include "dlfs/ops/step_number.h"

namespace dlfs {
namespace {

__global__ void advance(int* step) { ++*step; }

}  // namespace

KernelPtr step_number_gpu(Device&, const Site& site, const StepNumberSettings&) {
  return gpu_kernel([step = site.in[0].as<int>()](Stream stream) {
    advance<<<1, 1, 0, static_cast<cudaStream_t>(stream.native)>>>(step);
    check_launch("step_number");
  });
}

}  // namespace dlfs
