#include "dlfs/gpu/gpu_device.h"

#include <cuda_runtime_api.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "dlfs/base/error.h"
#include "dlfs/gpu/engine_timer.h"
#include "dlfs/gpu/hopper_convolution.h"
#include "dlfs/gpu/launch.h"

namespace dlfs {
namespace {

cudaStream_t native(Stream stream) { return static_cast<cudaStream_t>(stream.native); }

class Recording : public Kernel {
 public:
  explicit Recording(cudaGraph_t graph) {
    cuda_check(cudaGraphInstantiate(&executable_, graph, 0), "cudaGraphInstantiate");
  }
  ~Recording() override { cudaGraphExecDestroy(executable_); }
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  // So that not even the first run has to place anything on the card.
  void prepare(Stream stream) { cuda_check(cudaGraphUpload(executable_, native(stream)), "cudaGraphUpload"); }
  void run(Stream stream) override {
    cuda_check(cudaGraphLaunch(executable_, native(stream)), "cudaGraphLaunch");
  }
  std::string engine() const override { return "cuda graph"; }

 private:
  cudaGraphExec_t executable_ = nullptr;
};

class Event : public Fence {
 public:
  Event() {
    cuda_check(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "cudaEventCreateWithFlags");
  }
  ~Event() override { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void set(Stream stream) override { cuda_check(cudaEventRecord(event_, native(stream)), "cudaEventRecord"); }
  void wait() override { cuda_check(cudaEventSynchronize(event_), "cudaEventSynchronize"); }

 private:
  cudaEvent_t event_ = nullptr;
};

using Graph = std::unique_ptr<std::remove_pointer_t<cudaGraph_t>, decltype(&cudaGraphDestroy)>;

// Relaxed: what `work` meets for the first time may still have to be loaded onto the card.
Graph capture(const std::function<void(Stream)>& work, Stream stream) {
  cuda_check(cudaStreamBeginCapture(native(stream), cudaStreamCaptureModeRelaxed), "cudaStreamBeginCapture");
  cudaGraph_t graph = nullptr;
  try {
    work(stream);
  } catch (...) {
    cudaStreamEndCapture(native(stream), &graph);
    const Graph dropped(graph, cudaGraphDestroy);
    throw;
  }
  cuda_check(cudaStreamEndCapture(native(stream), &graph), "cudaStreamEndCapture");
  return {graph, cudaGraphDestroy};
}

}  // namespace

// The device's own stream, and pinned slots through which uploads go: what is to be uploaded is copied into a
// slot at once, and from there to the card when the stream comes to it. Waits only where all slots are on their
// way.
class CudaDevice::Staging {
 public:
  Staging() {
    cuda_check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
    cuda_check(cudaMallocHost(&pinned_, slots * slot_bytes), "cudaMallocHost");
    for (cudaEvent_t& event : copied_)
      cuda_check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "cudaEventCreateWithFlags");
  }
  ~Staging() {
    if (stream != nullptr) cudaStreamSynchronize(stream);
    for (cudaEvent_t event : copied_)
      if (event != nullptr) cudaEventDestroy(event);
    if (pinned_ != nullptr) cudaFreeHost(pinned_);
    if (stream != nullptr) cudaStreamDestroy(stream);
  }
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  void upload(std::byte* to, const std::byte* from, size_t size, cudaStream_t in) {
    for (size_t done = 0; done < size; done += slot_bytes, next_ = (next_ + 1) % slots) {
      const size_t part = std::min(slot_bytes, size - done);
      void* slot = static_cast<std::byte*>(pinned_) + next_ * slot_bytes;
      if (cudaEventQuery(copied_[next_]) == cudaErrorNotReady)
        cuda_check(cudaEventSynchronize(copied_[next_]), "cudaEventSynchronize");
      std::memcpy(slot, from + done, part);
      cuda_check(cudaMemcpyAsync(to + done, slot, part, cudaMemcpyHostToDevice, in), "cudaMemcpyAsync");
      cuda_check(cudaEventRecord(copied_[next_], in), "cudaEventRecord");
    }
  }

  cudaStream_t stream = nullptr;

 private:
  static constexpr size_t slots = 8, slot_bytes = size_t{1} << 20;
  void* pinned_ = nullptr;
  std::array<cudaEvent_t, slots> copied_{};
  size_t next_ = 0;
};

CudaDevice::CudaDevice(int index, std::unique_ptr<Cudnn> cudnn, const EngineSettings& settings)
    : index_(index), cudnn_(std::move(cudnn)) {
  use();
  cudaDeviceProp properties{};
  cuda_check(cudaGetDeviceProperties(&properties, index), "cudaGetDeviceProperties");
  name_ = concat("gpu:", index, ": ", properties.name);
  staging_ = std::make_unique<Staging>();
  stream_.native = staging_->stream;
  cudnn_->connect();
  const EngineMachine machine{properties.name, properties.multiProcessorCount, cudnn_->version()};
  MeasuredEngines::Times times;
  if (settings.measure)
    times = [this](const ConvGraph& graph, const auto& engines) {
      return time_engines(*this, graph, engines);
    };
  engines_ = std::make_unique<MeasuredEngines>(
      [this](const ConvGraph& graph) { return cudnn_->offers(graph); }, std::move(times),
      EngineChoices(settings.measure ? choices_path(settings.folder, machine) : ""));
}

CudaDevice::~CudaDevice() { cudaSetDevice(index_); }

bool CudaDevice::gives_moments(const Shape& x, const Shape& w) const {
  const int lost = w == hopper_stem_filters ? 3 : 0;
  const Shape y{x.n, x.h - lost, x.w - lost, w.n};
  return built_for_hopper() && size().architecture == 90 && hopper_convolution_pays(y, w);
}

CardSize CudaDevice::size() const {
  const auto ask = [&](cudaDeviceAttr what) {
    int value = 0;
    cuda_check(cudaDeviceGetAttribute(&value, what, index_), "cudaDeviceGetAttribute");
    return value;
  };
  return {
      .architecture = 10 * ask(cudaDevAttrComputeCapabilityMajor) + ask(cudaDevAttrComputeCapabilityMinor),
      .processors = ask(cudaDevAttrMultiProcessorCount),
      .shared_bytes = static_cast<size_t>(ask(cudaDevAttrMaxSharedMemoryPerBlockOptin))};
}

void CudaDevice::use() const { cuda_check(cudaSetDevice(index_), "cudaSetDevice"); }

MemoryPtr CudaDevice::allocate(size_t size) {
  use();
  void* data = nullptr;
  const cudaError_t code = cudaMalloc(&data, std::max<size_t>(size, 1));
  if (code == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    size_t free = 0, total = 0;
    cudaMemGetInfo(&free, &total);
    throw DeviceError("gpu", concat("out of memory: ", human_bytes(size), " are wanted, but only ",
                                    human_bytes(free), " of ", human_bytes(total), " are free on ", name_,
                                    "; take a smaller batch or end what else uses the card"));
  }
  cuda_check(code, "cudaMalloc");
  ++allocations_;
  return std::make_shared<Memory>(data, size, [](void* freed) { cudaFree(freed); });
}

void CudaDevice::upload(const Tensor& to, const void* from, Stream stream) {
  use();
  staging_->upload(to.as<std::byte>(), static_cast<const std::byte*>(from), bytes(to.spec), native(stream));
}

MemoryPtr CudaDevice::allocate_host(size_t size) {
  use();
  void* data = nullptr;
  cuda_check(cudaMallocHost(&data, std::max<size_t>(size, 1)), "cudaMallocHost");
  ++allocations_;
  return std::make_shared<Memory>(data, size, [](void* freed) { cudaFreeHost(freed); });
}

void CudaDevice::upload_held(const Tensor& to, const void* from, Stream stream) {
  use();
  cuda_check(cudaMemcpyAsync(to.data, from, bytes(to.spec), cudaMemcpyDefault, native(stream)),
             "cudaMemcpyAsync");
}

std::unique_ptr<Fence> CudaDevice::fence() {
  use();
  return std::make_unique<Event>();
}

void CudaDevice::download(const Tensor& from, void* to, Stream stream) {
  use();
  cuda_check(cudaMemcpyAsync(to, from.data, bytes(from.spec), cudaMemcpyDeviceToHost, native(stream)),
             "cudaMemcpyAsync");
  synchronize(stream);
}

void CudaDevice::synchronize(Stream stream) {
  use();
  cuda_check(cudaStreamSynchronize(native(stream)), "cudaStreamSynchronize");
}

KernelPtr CudaDevice::record(std::function<void(Stream)> work) {
  use();
  auto recording = std::make_unique<Recording>(capture(work, stream_).get());
  recording->prepare(stream_);
  synchronize(stream_);
  return recording;
}

}  // namespace dlfs
