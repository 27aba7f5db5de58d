// A card of NVIDIA's as a Device. Used from one thread at a time.
#pragma once

#include <memory>

#include "dlfs/gpu/cudnn.h"
#include "dlfs/gpu/engine_choice.h"
#include "dlfs/tensor/device.h"

namespace dlfs {

// What our own kernels fit themselves to.
struct CardSize {
  int architecture = 0;  // 90 for sm_90; 0 where there is no card
  int processors = 132;
  size_t shared_bytes = 227 * 1024;  // that one block may have
};

// What the GPU halves know of it. (Tests have one that is only described: testing/paper_card.h.)
class GpuDevice : public Device {
 public:
  DeviceKind kind() const final { return DeviceKind::gpu; }
  virtual const ConvEngines& cudnn() const = 0;
  virtual CardSize size() const { return {}; }
  virtual void use() const {}  // makes the card the calling thread's present device; any thread
};

// How engines in 16 bits are chosen: by measuring, with the choices kept in a folder ("": for this process alone), or the
// first that cuDNN offers.
struct EngineSettings {
  bool measure = true;
  std::string folder;
};

// The card itself: memory by cudaMalloc, one stream of its own that waits for no other, uploads through a ring of pinned
// memory, recordings as CUDA graphs, and cuDNN bound to the card. Every entry makes the card the calling thread's present
// device.
class CudaDevice : public GpuDevice {
 public:
  // requires: a card that look_for_gpus() finds usable.
  CudaDevice(int index, std::unique_ptr<Cudnn> cudnn, const EngineSettings& settings);
  ~CudaDevice() override;

  MemoryPtr allocate(size_t size) override;
  void upload(const Tensor& to, const void* from, Stream stream) override;
  MemoryPtr allocate_host(size_t size) override;
  void upload_held(const Tensor& to, const void* from, Stream stream) override;
  std::unique_ptr<Fence> fence() override;
  void download(const Tensor& from, void* to, Stream stream) override;
  void synchronize(Stream stream) override;
  KernelPtr record(std::function<void(Stream)> work) override;

  const ConvEngines& cudnn() const override { return *engines_; }
  CardSize size() const override;
  bool gives_moments(const Shape& x, const Shape& w) const override;
  void use() const override;

 private:
  class Staging;  // the stream and the ring

  int index_;
  std::unique_ptr<Staging> staging_;
  std::unique_ptr<Cudnn> cudnn_;  // goes before the stream that it is set to
  std::unique_ptr<MeasuredEngines> engines_;
};

// requires: device.kind() == DeviceKind::gpu.
inline GpuDevice& gpu(Device& device) { return static_cast<GpuDevice&>(device); }

}  // namespace dlfs
