#include <algorithm>

#include "dlfs/gpu/launch.h"
#include "dlfs/gpu/pack.h"
#include "dlfs/ops/loss_scale/rule.h"

namespace dlfs {
namespace {

constexpr int threads = 256, chunk_bytes = 64 * 1024;

// A stretch of a gradient: the work of one block. A float is infinite or NaN where all bits of its exponent are set; of
// two halves in a word, or of one f32 (both masks the same), either.
struct Chunk {
  const char* data;
  unsigned size, low, high;  // bytes; masks of exponents

  __device__ bool is_bad(unsigned word) const { return (word & low) == low || (word & high) == high; }
};

__global__ void look(const Chunk* chunks, int* bad) {
  const Chunk chunk = chunks[blockIdx.x];
  bool found = false;
  const auto* fours = reinterpret_cast<const Pack<unsigned, 4>*>(chunk.data);
  for (unsigned i = threadIdx.x; i < chunk.size / 16; i += threads) {
    const Pack<unsigned, 4> words = fours[i];
#pragma unroll
    for (int k = 0; k < 4; ++k) found |= chunk.is_bad(words.at[k]);
  }
  const unsigned rest = chunk.size % 16, words = rest / 4;  // what is left over at the end: words, and a half
  const char* end = chunk.data + (chunk.size - rest);
  if (threadIdx.x < words) found |= chunk.is_bad(reinterpret_cast<const unsigned*>(end)[threadIdx.x]);
  if (threadIdx.x == words && rest % 4 != 0)
    found |= (*reinterpret_cast<const uint16_t*>(end + 4 * words) & chunk.low) == chunk.low;
  if (found) *bad = 1;  // whoever writes, writes the same
}

// Leaves the flag as the next step needs it.
__global__ void finish(int* bad, LossScaleState state, LossScaleSettings settings) {
  state.finish(*bad == 0, settings);
  *bad = 0;
}

std::vector<Chunk> chunks_of(const Site& site) {
  std::vector<Chunk> chunks;
  for (size_t i = 3; i < site.in.size(); ++i) {
    const DType dtype = site.in[i].spec.dtype;
    const unsigned low = dtype == DType::f32 ? 0x7f800000U : dtype == DType::f16 ? 0x7c00U : 0x7f80U;
    const size_t size = bytes(site.in[i].spec);
    for (size_t from = 0; from < size; from += chunk_bytes)
      chunks.push_back({site.in[i].as<char>() + from,
                        static_cast<unsigned>(std::min<size_t>(chunk_bytes, size - from)), low,
                        dtype == DType::f32 ? low : low << 16});
  }
  return chunks;
}

}  // namespace

KernelPtr loss_scale_gpu(Device& device, const Site& site, const LossScaleSettings& settings) {
  const std::vector<Chunk> chunks = chunks_of(site);
  const size_t size = chunks.size() * sizeof(Chunk);
  const MemoryPtr memory = device.allocate(aligned(size) + sizeof(int));
  int* const bad = static_cast<int*>(memory->at(aligned(size)));
  const int none = 0;
  device.upload({{{1, 1, 1, static_cast<int>(size)}, DType::u8}, memory->data()}, chunks.data(),
                device.stream());
  device.upload({{{1, 1, 1, 1}, DType::i32}, bad}, &none, device.stream());
  const LossScaleState state{site.in[0].as<float>(), site.in[1].as<float>(), site.in[2].as<int32_t>()};
  const auto blocks = static_cast<unsigned>(chunks.size());
  return gpu_kernel([=](Stream stream) {
    const auto native = static_cast<cudaStream_t>(stream.native);
    look<<<blocks, threads, 0, native>>>(static_cast<const Chunk*>(memory->data()), bad);
    check_launch("loss_scale");
    finish<<<1, 1, 0, native>>>(bad, state, settings);
    check_launch("loss_scale's rule");
  });
}

}  // namespace dlfs
