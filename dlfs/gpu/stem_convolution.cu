#include "dlfs/gpu/launch.h"
#include "dlfs/gpu/stem_convolution.h"
#include "dlfs/gpu/stem_convolution_kernels.cuh"

namespace dlfs {
namespace {

// Of the present device: the processors, 0 where there is none that our kernels run on.
int processors() {
  int device = 0, major = 0, count = 0;
  if (cudaGetDevice(&device) != cudaSuccess ||
      cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device) != cudaSuccess ||
      cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device) != cudaSuccess) {
    cudaGetLastError();
    return 0;
  }
  return major >= 8 ? count : 0;
}

bool serves(const ConvGraph& g) {
  return g.kind != ConvKind::data_gradient && (g.dtype == DType::f16 || g.dtype == DType::bf16) &&
         g.x.c == 8 && (g.w == Shape{16, 3, 3, 8} || g.w == Shape{64, 3, 3, 8}) && g.stride == 1 &&
         g.pad == 1 && g.dilation == 1 && g.groups == 1 && !g.bias && !g.add && !g.relu && !g.sums &&
         int64_t{g.x.n} * g.x.h * (g.x.w + 3) < int64_t{1} << 28;
}

template <typename T, int filters>
class Stem : public ConvEngine {
 public:
  Stem(const ConvGraph& graph, int processors) : graph_(graph), map_(graph.x) {
    const bool forward = graph.kind == ConvKind::forward;
    const int threads = forward ? stem::forward_threads : stem::gradient_threads;
    int resident = 0;
    if (forward) {
      cuda_check(
          cudaOccupancyMaxActiveBlocksPerMultiprocessor(&resident, stem::forward<T, filters>, threads, 0),
          "cudaOccupancyMaxActiveBlocksPerMultiprocessor");
    } else {
      cuda_check(cudaFuncSetAttribute(stem::filter_gradient<T, filters>,
                                      cudaFuncAttributeMaxDynamicSharedMemorySize, ring_bytes),
                 "cudaFuncSetAttribute");
      cuda_check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&resident, stem::filter_gradient<T, filters>,
                                                               threads, ring_bytes),
                 "cudaOccupancyMaxActiveBlocksPerMultiprocessor");
    }
    blocks_ = std::min(static_cast<unsigned>(std::max(1, resident) * processors),
                       blocks_for(map_.units, threads / 32));
  }
  size_t workspace() const override {
    return graph_.kind == ConvKind::forward ? 0 : sizeof(float) * graph_.w.count() * blocks_;
  }
  const std::string& name() const override { return name_; }

  void run(Stream stream, const ConvPointers& at, void* workspace) override {
    const auto in = static_cast<cudaStream_t>(stream.native);
    const auto* x = static_cast<const uint4*>(at.x);
    if (graph_.kind == ConvKind::forward) {
      stem::forward<T, filters><<<blocks_, stem::forward_threads, 0, in>>>(
          map_, x, static_cast<const unsigned*>(at.w), static_cast<uint16_t*>(at.y));
      return check_launch("stem forward");
    }
    stem::filter_gradient<T, filters><<<blocks_, stem::gradient_threads, ring_bytes, in>>>(
        map_, x, static_cast<const uint4*>(at.y), static_cast<float4*>(workspace));
    check_launch("stem filter gradient");
    stem::add_parts<T><<<blocks_for(graph_.w.count(), 32), stem::gradient_threads, 0, in>>>(
        blocks_, static_cast<const float*>(workspace), static_cast<T*>(at.w), graph_.accumulate);
    check_launch("stem filter gradient's parts");
  }

 private:
  static constexpr int ring_bytes = stem::gradient_threads / 32 * stem::stages * stem::gradient_slot<filters>;

  ConvGraph graph_;
  stem::Map map_;
  unsigned blocks_ = 0;
  std::string name_ = "own stem";
};

}  // namespace

std::unique_ptr<ConvEngine> stem_convolution(const ConvGraph& graph) {
  if (!serves(graph)) return nullptr;
  const int count = processors();
  if (count == 0) return nullptr;
  return for_type(graph.dtype, [&]<typename T>() -> std::unique_ptr<ConvEngine> {
    if constexpr (!std::is_same_v<T, float>) {
      if (graph.w.n == 16) return std::make_unique<Stem<T, 16>>(graph, count);
      return std::make_unique<Stem<T, 64>>(graph, count);
    }
    return nullptr;
  });
}

}  // namespace dlfs
