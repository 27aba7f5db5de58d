#include "dlfs/gpu/launch.h"
#include "dlfs/gpu/pack.h"
#include "dlfs/ops/prepare/pixel.h"

namespace dlfs {
namespace {

constexpr int threads = 256, warp = 32;

using Pack4 = Pack<float, 4>;

// Rows of a tensor of looks as they lie, read in 16 bytes at a time.
struct alignas(16) LookRow {
  Look look;
};
static_assert(sizeof(LookRow) == sizeof(Look));

// Four neighbours of one row, of c channels each, as floats and in the order of y. What is not shown is some number.
template <int c>
__device__ void read_four(const uint8_t* line, const Shown& shown, int x, float (&pixels)[4][c]) {
  const int first = shown.flip ? shown.width - 4 - x : x;
  if (first >= 0 && first % 4 == 0) {  // whole words
    unsigned words[c];
#pragma unroll
    for (int i = 0; i < c; ++i) words[i] = reinterpret_cast<const unsigned*>(line + first * c)[i];
    const auto byte = [&](int at) { return words[at / 4] >> 8 * (at % 4) & 255; };
#pragma unroll
    for (int i = 0; i < 4; ++i)
#pragma unroll
      for (int k = 0; k < c; ++k)
        pixels[i][k] = static_cast<float>(shown.flip ? byte((3 - i) * c + k) : byte(i * c + k));
  } else {
#pragma unroll
    for (int i = 0; i < 4; ++i)
#pragma unroll
      for (int k = 0; k < c; ++k) pixels[i][k] = line[max(shown.source(x + i), 0) * c + k];
  }
}

// Four pixels a thread, where y has the channels of the pixels and w is a multiple of 4. A warp's results change places in
// shared memory, so that neighbours write neighbours.
template <int c>
__global__ void same_channels(Places fours, Normaliser normal, const uint8_t* pixels, const LookRow* looks,
                              Pack4* y) {
  const unsigned i = blockIdx.x * threads + threadIdx.x, lane = threadIdx.x % warp;
  float result[4][c] = {};
  if (i < fours.count) {
    const Place at = fours.at(i);  // w counts fours
    const int w = fours.across.by * 4, h = fours.down.by, x = at.w * 4;
    const Look look = looks[at.n].look;
    const Shown shown(look, h, w);
    if (x < shown.width && at.h < shown.height) {
      float four[4][c];
      read_four<c>(pixels + (static_cast<int64_t>(at.n) * h + at.h) * w * c, shown, x, four);
#pragma unroll
      for (int j = 0; j < 4; ++j)
#pragma unroll
        for (int k = 0; k < c; ++k)
          if (shown.at(x + j, at.h)) result[j][k] = prepared(look, normal, four[j], c, k);
    }
  }
  const float* flat = &result[0][0];
  const auto pack = [&](int j) {
    return Pack4{{flat[4 * j], flat[4 * j + 1], flat[4 * j + 2], flat[4 * j + 3]}};
  };
  if constexpr (c == 1) {
    if (i < fours.count) y[i] = pack(0);
  } else {
    __shared__ Pack4 all[threads * c];
    Pack4* mine = all + (threadIdx.x - lane) * c;
#pragma unroll
    for (int j = 0; j < c; ++j) mine[lane * c + j] = pack(j);
    __syncwarp();
#pragma unroll
    for (unsigned j = lane; j < warp * c; j += warp)
      if (const unsigned to = (i - lane) * c + j; to < fours.count * c) y[to] = mine[j];
  }
}

// Any other: `width` channels of one pixel of y a thread.
template <int width>
__global__ void any_channels(Places places, int c, Normaliser normal, const uint8_t* pixels,
                             const LookRow* looks, Pack<float, width>* y) {
  const unsigned i = blockIdx.x * threads + threadIdx.x;
  if (i >= places.count) return;
  const Place at = places.at(i);
  const int w = places.across.by, h = places.down.by;
  const Look& look = looks[at.n].look;
  const Shown shown(look, h, w);
  Pack<float, width> result{};
  if (at.c * width < c && shown.at(at.w, at.h)) {
    const uint8_t* pixel = pixels + ((static_cast<int64_t>(at.n) * h + at.h) * w + shown.source(at.w)) * c;
#pragma unroll
    for (int k = 0; k < width; ++k)
      if (at.c * width + k < c) result.at[k] = prepared(look, normal, pixel, c, at.c * width + k);
  }
  y[i] = result;
}

template <int c>
KernelPtr same_kernel(const Site& site, const Normaliser& normal) {
  const Shape& of = site.in[0].shape();
  const Places fours({of.n, of.h, of.w / 4, 1}, 1);
  return gpu_kernel([=](Stream stream) {
    same_channels<c>
        <<<blocks_for(fours.count, threads), threads, 0, static_cast<cudaStream_t>(stream.native)>>>(
            fours, normal, site.in[0].as<uint8_t>(), site.in[1].as<LookRow>(), site.out[0].as<Pack4>());
    check_launch("prepare");
  });
}

template <int width>
KernelPtr any_kernel(const Site& site, const Normaliser& normal) {
  const Places places(site.out[0].shape(), width);
  return gpu_kernel([=](Stream stream) {
    any_channels<width>
        <<<blocks_for(places.count, threads), threads, 0, static_cast<cudaStream_t>(stream.native)>>>(
            places, site.in[0].shape().c, normal, site.in[0].as<uint8_t>(), site.in[1].as<LookRow>(),
            site.out[0].as<Pack<float, width>>());
    check_launch("prepare");
  });
}

}  // namespace

KernelPtr prepare_forward_gpu(Device&, const Site& site, const PrepareSettings& settings) {
  const Shape &from = site.in[0].shape(), &to = site.out[0].shape();
  const Normaliser normal(settings);
  if (from.c == to.c && from.w % 4 == 0)
    return from.c == 1 ? same_kernel<1>(site, normal) : same_kernel<3>(site, normal);
  return to.c % 4 == 0 ? any_kernel<4>(site, normal) : any_kernel<1>(site, normal);
}

}  // namespace dlfs
