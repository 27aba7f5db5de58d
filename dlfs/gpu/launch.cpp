#include "dlfs/gpu/launch.h"

#include <cuda_runtime_api.h>

#include <utility>

#include "dlfs/base/error.h"

namespace dlfs {
namespace {

class Work : public Kernel {
 public:
  Work(std::function<void(Stream)> work, std::string engine)
      : work_(std::move(work)), engine_(std::move(engine)) {}
  void run(Stream stream) override { work_(stream); }
  std::string engine() const override { return engine_; }

 private:
  std::function<void(Stream)> work_;
  std::string engine_;
};

}  // namespace

void cuda_check(int code, const char* call) {
  if (code == cudaSuccess) return;
  cudaGetLastError();  // an error that was told is not told again by the next check
  const auto error = static_cast<cudaError_t>(code);
  throw DeviceError("gpu", concat(call, " failed with ", code, " ", cudaGetErrorName(error), ": ",
                                  cudaGetErrorString(error)));
}

void check_launch(const char* kernel) { cuda_check(cudaGetLastError(), kernel); }

KernelPtr gpu_kernel(std::function<void(Stream)> work, std::string engine) {
  return std::make_unique<Work>(std::move(work), std::move(engine));
}

}  // namespace dlfs
