#include "dlfs/gpu/divisor.h"
#include "dlfs/gpu/launch.h"
#include "dlfs/gpu/resample.h"

namespace dlfs {
namespace {

constexpr int threads = 256;

// One pixel a thread, one image a row of blocks.
template <int c>
__global__ void resample_images(ResampleTable table, int h, Divisor across, uint8_t* to) {
  const unsigned at = blockIdx.x * threads + threadIdx.x, n = blockIdx.y;
  const ResampleSample sample = table.samples[n];
  if (at >= across.by * h || sample.count < 0) return;
  unsigned column = 0;
  const int y = static_cast<int>(across.split(at, column)), x = static_cast<int>(column);
  float pixel[c] = {};
  if (x < sample.width && y < sample.height) {
    for (int k = 0; k < c; ++k) pixel[k] = table.fill;
    for (int i = sample.first; i < sample.first + sample.count; ++i) {
      const ResamplePart& part = table.parts[i];
      if (x >= part.x && x < part.x + part.width && y >= part.y && y < part.y + part.height)
        draw_pixel<c>(part, x, y, pixel);
    }
  }
  uint8_t* out = to + (static_cast<int64_t>(n) * across.by * h + at) * c;
  for (int k = 0; k < c; ++k) out[k] = static_cast<uint8_t>(pixel[k]);
}

}  // namespace

void resample(const ResampleTable& table, const Tensor& to, Stream stream) {
  const auto [n, h, w, c] = to.shape();
  const dim3 grid(blocks_for(int64_t{h} * w, threads), n);
  const auto kernel = c == 1 ? resample_images<1> : resample_images<3>;
  kernel<<<grid, threads, 0, static_cast<cudaStream_t>(stream.native)>>>(
      table, h, Divisor(static_cast<unsigned>(w)), to.as<uint8_t>());
  check_launch("resample");
}

}  // namespace dlfs
