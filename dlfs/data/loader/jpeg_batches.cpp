#include "dlfs/data/loader/jpeg_batches.h"

namespace dlfs {

std::unique_ptr<JpegBatches> open_jpeg_batches(const Device& device, const Recipe& recipe,
                                               const JpegBatchSettings& settings, std::string& why_not) {
#if DLFS_CUDA
  if (device.kind() == DeviceKind::gpu) return open_jpeg_batches_gpu(device, recipe, settings, why_not);
#else
  static_cast<void>(recipe);
  static_cast<void>(settings);
#endif
  why_not = device.name() + " has no JPEG decoder of its own";
  return nullptr;
}

}  // namespace dlfs
