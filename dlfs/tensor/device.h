// What a device is to the rest of the house: a place for bytes, an order of work, and a way to record work; and
// not one primitive: the mathematics lives in ops/. A Device is used from one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "dlfs/tensor/tensor.h"

namespace dlfs {

enum class DeviceKind { cpu, gpu };

// One order of work: what is enqueued first is done first. `native` is the vendor's handle (null on the CPU).
struct Stream {
  void* native = nullptr;
};

// Work that was compiled and bound to its tensors.
class Kernel {
 public:
  virtual ~Kernel() = default;
  // ensures: the work is enqueued on the stream; nothing was allocated and nothing was waited for.
  virtual void run(Stream stream) = 0;
  // Makes again what it keeps of inputs that change only between runs (Site::fixed): weights packed for the CPU, say.
  virtual void refresh(Stream) {}
  // What serves the work, for tables and reports: "cudnn engine 11", "onednn brgconv:avx512_core", "own".
  virtual std::string engine() const { return "own"; }
};

using KernelPtr = std::unique_ptr<Kernel>;

// A place in the order of work that the host can wait for.
class Fence {
 public:
  virtual ~Fence() = default;
  virtual void set(Stream) {}  // here: behind all that is enqueued by now
  virtual void wait() {}       // until the stream has come to where it was set last
};

class Device {
 public:
  virtual ~Device() = default;
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  virtual DeviceKind kind() const = 0;
  // Whether its convolution of x [n,h,w,c] by w [k,r,s,c], with stride 1 and padding that keeps h and w (none where r and s are
  // even), makes the moments of what it writes for nothing, in 16 bits.
  virtual bool gives_moments(const Shape& /*x*/, const Shape& /*w*/) const { return false; }

  // ensures: `size` bytes, their start a multiple of `alignment`, content undefined. Throws DeviceError
  // naming the size wanted and what is free. Adds one to allocations().
  virtual MemoryPtr allocate(size_t size) = 0;

  // requires: `from` holds bytes(to.spec) bytes. ensures: `from` may be reused at once; work enqueued on the
  // stream later sees the new content.
  virtual void upload(const Tensor& to, const void* from, Stream stream) = 0;

  // For what is uploaded again and again: memory of the host that the device reads by itself, and an upload from there
  // without a copy in between; the device's own memory will do as well. requires: the bytes stay as they are until a fence set behind the upload is passed.
  virtual MemoryPtr allocate_host(size_t size) { return allocate(size); }
  virtual void upload_held(const Tensor& to, const void* from, Stream stream) { upload(to, from, stream); }
  virtual std::unique_ptr<Fence> fence() { return std::make_unique<Fence>(); }

  // ensures: all work enqueued on the stream before has ended and `to` holds bytes(from.spec) bytes.
  virtual void download(const Tensor& from, void* to, Stream stream) = 0;

  // ensures: all work enqueued on the stream has ended. Throws DeviceError where that work failed.
  virtual void synchronize(Stream stream) = 0;

  // Gives a kernel that repeats what `work` enqueues: a CUDA graph on the GPU, the calls themselves on the
  // CPU. requires: `work` enqueues only on the stream it is given, at addresses that stay valid.
  virtual KernelPtr record(std::function<void(Stream)> work) = 0;

  Stream stream() const { return stream_; }          // the device's own order of work
  const std::string& name() const { return name_; }  // "cpu: AMD EPYC 9655", "gpu:0: NVIDIA H100 80GB HBM3"
  int64_t allocations() const { return allocations_; }  // how often allocate() was called: 0 more in a step

 protected:
  Device() = default;
  Stream stream_;
  std::string name_;
  int64_t allocations_ = 0;
};

}  // namespace dlfs
