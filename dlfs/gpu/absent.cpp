// In place of everything else in this folder where a build has no CUDA.
#include "dlfs/base/error.h"
#include "dlfs/gpu/gpu.h"

namespace dlfs {

GpuReport look_for_gpus(const GpuQuestion&) {
  GpuReport report;
  report.why_not = "this build has no GPU half: it was compiled without nvcc or cuDNN's headers";
  return report;
}

std::unique_ptr<Device> open_gpu(int) { throw DeviceError("gpu", look_for_gpus().why_not); }

size_t gpu_memory_free(const Device&) { return 0; }

}  // namespace dlfs
