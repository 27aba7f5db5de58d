#include <algorithm>
#include <vector>

#include "dlfs/gpu/launch.h"
#include "dlfs/ops/batch_norm/batch_norm.h"

namespace dlfs {
namespace {

constexpr int threads = 256;

// Up to `threads` channels of one norm: the work of one block.
struct Chunk {
  float *mean, *variance;                    // running
  const float *batch_mean, *batch_variance;  // of this step
  float momentum, unbiased;                  // count / (count - 1)
  int count;
};

__global__ void update(const float* factor, const Chunk* chunks) {
  const Chunk of = chunks[blockIdx.x];
  const int c = threadIdx.x;
  if (c >= of.count || (factor != nullptr && *factor == 0)) return;
  const float kept = 1 - of.momentum;
  of.mean[c] = kept * of.mean[c] + of.momentum * of.batch_mean[c];
  of.variance[c] = kept * of.variance[c] + of.momentum * of.unbiased * of.batch_variance[c];
}

std::vector<Chunk> chunks_of(const Site& site, const StatisticsSettings& settings) {
  std::vector<Chunk> chunks;
  const size_t norms = settings.momentum.size();
  for (size_t i = 0; i < norms; ++i) {
    const int channels = site.in[1 + i].shape().c;
    const double positions = static_cast<double>(settings.count[i]);
    for (int from = 0; from < channels; from += threads) {
      const float* const batch = site.in[1 + 2 * norms + i].as<float>() + from;
      chunks.push_back({site.in[1 + i].as<float>() + from, site.in[1 + norms + i].as<float>() + from, batch,
                        batch + channels, settings.momentum[i],
                        static_cast<float>(positions / (positions - 1)), std::min(threads, channels - from)});
    }
  }
  return chunks;
}

}  // namespace

KernelPtr statistics_gpu(Device& device, const Site& site, const StatisticsSettings& settings) {
  const std::vector<Chunk> chunks = chunks_of(site, settings);
  const int size = static_cast<int>(chunks.size() * sizeof(Chunk));
  const MemoryPtr table = device.allocate(size);
  device.upload({{{1, 1, 1, size}, DType::u8}, table->data()}, chunks.data(), device.stream());
  return gpu_kernel(
      [table, blocks = static_cast<unsigned>(chunks.size()), factor = site.in[0].as<float>()](Stream stream) {
        update<<<blocks, threads, 0, static_cast<cudaStream_t>(stream.native)>>>(
            factor, static_cast<const Chunk*>(table->data()));
        check_launch("batch_norm_statistics");
      });
}

}  // namespace dlfs
