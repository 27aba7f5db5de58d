#include <algorithm>
#include <vector>

#include "dlfs/gpu/launch.h"
#include "dlfs/ops/sgd/sgd.h"

namespace dlfs {
namespace {

constexpr int threads = 256, chunk_size = 16 * threads;

// A stretch of one parameter: the work of one block.
struct Chunk {
  float* parameter;
  const float* gradient;
  float* momentum;  // null where there is none
  int count;
};

// The order of the header, each product with its sum rounded once.
__device__ void update(float& parameter, float gradient, float* momentum, float rate,
                       const SgdSettings& with) {
  const float g = fmaf(with.weight_decay, parameter, gradient);
  float step = g;
  if (momentum != nullptr) {
    const float m = fmaf(with.momentum, *momentum, g);
    *momentum = m;
    step = with.nesterov ? fmaf(with.momentum, m, g) : m;
  }
  parameter = fmaf(-rate, step, parameter);
}

// One chunk a block. Chunks begin where four floats may be read at once; what is left over at the end goes one by
// one.
__global__ void update_chunks(const Chunk* chunks, const float* rate_at, SgdSettings with) {
  const Chunk chunk = chunks[blockIdx.x];
  const float rate = *rate_at;
  auto* parameters = reinterpret_cast<float4*>(chunk.parameter);
  const auto* gradients = reinterpret_cast<const float4*>(chunk.gradient);
  auto* momenta = reinterpret_cast<float4*>(chunk.momentum);
  const int fours = chunk.count / 4;
  for (int i = threadIdx.x; i < fours; i += threads) {
    float4 p = parameters[i], m{};
    const float4 g = gradients[i];
    const bool has_momentum = momenta != nullptr;
    if (has_momentum) m = momenta[i];
    update(p.x, g.x, has_momentum ? &m.x : nullptr, rate, with);
    update(p.y, g.y, has_momentum ? &m.y : nullptr, rate, with);
    update(p.z, g.z, has_momentum ? &m.z : nullptr, rate, with);
    update(p.w, g.w, has_momentum ? &m.w : nullptr, rate, with);
    parameters[i] = p;
    if (has_momentum) momenta[i] = m;
  }
  for (int i = 4 * fours + threadIdx.x; i < chunk.count; i += threads)
    update(chunk.parameter[i], chunk.gradient[i], momenta != nullptr ? chunk.momentum + i : nullptr, rate,
           with);
}

std::vector<Chunk> chunks_of(const std::vector<SgdRow>& rows) {
  std::vector<Chunk> chunks;
  for (const SgdRow& row : rows) {
    const int64_t count = row.parameter.shape().count();
    for (int64_t from = 0; from < count; from += chunk_size)
      chunks.push_back({row.parameter.as<float>() + from, row.gradient.as<float>() + from,
                        row.momentum ? row.momentum.as<float>() + from : nullptr,
                        static_cast<int>(std::min<int64_t>(chunk_size, count - from))});
  }
  return chunks;
}

}  // namespace

KernelPtr sgd_gpu(Device& device, const Site& site, const SgdSettings& settings) {
  const std::vector<Chunk> chunks = chunks_of(sgd_rows(site, settings));
  const int size = static_cast<int>(chunks.size() * sizeof(Chunk));
  const MemoryPtr table = device.allocate(size);
  device.upload({{{1, 1, 1, size}, DType::u8}, table->data()}, chunks.data(), device.stream());
  const auto blocks = static_cast<unsigned>(chunks.size());
  return gpu_kernel([table, blocks, rate = site.in[0].as<float>(), settings](Stream stream) {
    update_chunks<<<blocks, threads, 0, static_cast<cudaStream_t>(stream.native)>>>(
        static_cast<const Chunk*>(table->data()), rate, settings);
    check_launch("sgd");
  });
}

}  // namespace dlfs
