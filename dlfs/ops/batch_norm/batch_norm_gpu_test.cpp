// Batch norm on cards whose blocks have less shared memory than the one at hand's: 64 KB (sm_75), 99 KB (most RTX cards).
#include <gtest/gtest.h>

#include "dlfs/gpu/gpu_device.h"
#include "dlfs/testing/cases.h"
#include "dlfs/testing/devices.h"
#include "dlfs/testing/op_checks.h"

namespace dlfs::testing {
namespace {

class SmallerCard : public CudaDevice {
 public:
  SmallerCard(std::unique_ptr<Cudnn> cudnn, size_t shared_bytes)
      : CudaDevice(0, std::move(cudnn), {}), shared_bytes_(shared_bytes) {}
  CardSize size() const override {
    CardSize size = CudaDevice::size();
    size.shared_bytes = shared_bytes_;
    return size;
  }

 private:
  size_t shared_bytes_;
};

TEST(GpuBatchNorm, FitsSmallerCards) {
  DLFS_NEEDS_GPU(gpu);
  const auto cpu = open_cpu();
  for (const size_t kilobytes : {99, 64}) {
    std::vector<LibraryPlace> tried;
    SmallerCard card(Cudnn::open(tried), kilobytes * 1024);
    for (const OpCase& of : batch_norm_cases()) {
      if (of.speed) continue;
      expect_rows(check_narrow(*cpu, card, of, Precision::f16));
      expect_rows(check_compare(*cpu, card, of));
    }
  }
}

}  // namespace
}  // namespace dlfs::testing
