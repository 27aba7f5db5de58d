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
// The halves of an op by what their names have in common: conv has conv_forward_cpu, conv_backward_cpu and so on; sgd,
// which has no gradient, sgd_cpu and sgd_gpu.
#define DLFS_HALVES(op) \
  { op##_forward_cpu, op##_backward_cpu, DLFS_GPU_HALF(op##_forward_gpu), DLFS_GPU_HALF(op##_backward_gpu) }
#define DLFS_HALVES_WITHOUT_GRADIENT(op) \
  { op##_cpu, nullptr, DLFS_GPU_HALF(op##_gpu), nullptr }

namespace dlfs {

// For infer: throws ShapeError(op, …) unless what is called `what` is a map, f32, f16 or bf16.
inline void check_map(const std::string& op, const std::string& what, const Spec& spec) {
  if (!spec || !is_float(spec.dtype))
    throw ShapeError(op, concat(what, " is ", to_string(spec), ", but must be f32, f16 or bf16"));
}

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
    refuse_f16(device, site);
    return pick(device, halves_.forward_cpu, halves_.forward_gpu)(device, site, settings_);
  }

  KernelPtr backward(Device& device, const Site& site) const final {
    if (halves_.backward_cpu == nullptr) return Function::backward(device, site);
    refuse_f16(device, site);
    return pick(device, halves_.backward_cpu, halves_.backward_gpu)(device, site, settings_);
  }

 protected:
  // For infer.
  template <typename... Fact>
  [[noreturn]] void refuse(const Fact&... fact) const {
    throw ShapeError(name_, concat(fact...));
  }

  const Settings settings_;

 private:
  // For the halves of all ops.
  void refuse_f16(const Device& device, const Site& site) const {
    if (device.kind() != DeviceKind::cpu) return;
    for (const auto* tensors : {&site.in, &site.out, &site.d_out})
      for (const Tensor& tensor : *tensors)
        if (tensor && tensor.spec.dtype == DType::f16)
          throw DeviceError(name_, "a CPU computes in f32 or bf16, not f16; take --precision bf16 or f32");
  }

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
