// An op's Function over its halves: what all ops share of picking the half for a device. A build without CUDA leaves
// the GPU halves out; the op then says so.
#pragma once

#include <string>

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
struct Halves {
  Half<Settings> forward_cpu, backward_cpu, forward_gpu,
      backward_gpu;  // backward: null where there is no gradient
};

template <typename Settings>
class OpFunction : public Function {
 public:
  OpFunction(std::string name, const Settings& settings, const Halves<Settings>& halves)
      : settings_(settings), name_(std::move(name)), halves_(halves) {}

  std::string name() const final { return name_; }

  KernelPtr forward(Device& device, const Site& site) const final {
    return pick(device, halves_.forward_cpu, halves_.forward_gpu)(device, site, settings_);
  }

  KernelPtr backward(Device& device, const Site& site) const final {
    if (halves_.backward_cpu == nullptr) return Function::backward(device, site);
    return pick(device, halves_.backward_cpu, halves_.backward_gpu)(device, site, settings_);
  }

 protected:
  const Settings settings_;

 private:
  Half<Settings> pick(const Device& device, Half<Settings> cpu, Half<Settings> gpu) const {
    if (device.kind() == DeviceKind::cpu) return cpu;
    if (gpu == nullptr)
      throw DeviceError(
          name_, "has no GPU half in this build; build where CUDA's compiler (nvcc) and cuDNN's headers are");
    return gpu;
  }

  std::string name_;
  Halves<Settings> halves_;
};

}  // namespace dlfs
