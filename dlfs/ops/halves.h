// Picks the half of an op for a device. A build without CUDA leaves the GPU halves out; the op then says so.
#pragma once

#include <string>
#include <type_traits>

#include "dlfs/graph/function.h"

#if DLFS_CUDA
#define DLFS_GPU_HALF(maker) maker
#else
#define DLFS_GPU_HALF(maker) nullptr
#endif

namespace dlfs {

// What every half is: makes a kernel bound to the site's tensors.
template <typename Settings>
using Half = KernelPtr (*)(Device&, const Site&, const Settings&);

template <typename Settings>
KernelPtr make_half(const std::string& op, Device& device, const Site& site, const Settings& settings,
                    std::type_identity_t<Half<Settings>> cpu, std::type_identity_t<Half<Settings>> gpu) {
  if (device.kind() == DeviceKind::cpu) return cpu(device, site, settings);
  if (gpu == nullptr)
    throw DeviceError(
        op, "has no GPU half in this build; build where CUDA's compiler (nvcc) and cuDNN's headers are");
  return gpu(device, site, settings);
}

}  // namespace dlfs
