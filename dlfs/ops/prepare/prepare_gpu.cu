#include "dlfs/gpu/launch.h"
#include "dlfs/gpu/number.cuh"
#include "dlfs/ops/prepare/pixel.h"

namespace dlfs {
namespace {

constexpr int threads = 256, warp = 32;

// A row of a tensor of looks, read 16 bytes at a time.
__device__ Look read_look(const uint4* looks, int n) {
  constexpr int words = sizeof(Look) / sizeof(uint4);
  uint4 row[words];
#pragma unroll
  for (int i = 0; i < words; ++i) row[i] = looks[n * words + i];
  Look look;
  memcpy(&look, row, sizeof look);
  return look;
}
static_assert(sizeof(Look) % sizeof(uint4) == 0);

// `count` neighbours of one row, of c channels each, as floats and in the order of y. What is not shown is some number.
// requires: x is inside of the image; w is a multiple of count.
template <int c, int count>
__device__ void read(const uint8_t* line, const Shown& shown, int x, float (&pixels)[count][c]) {
  const int first = shown.flip ? shown.width - count - x : x;
  if (first >= 0 && first % count == 0) {  // whole words
    constexpr int size = sizeof(Word<count>);
    Word<count> words[c];
#pragma unroll
    for (int i = 0; i < c; ++i) words[i] = reinterpret_cast<const Word<count>*>(line + first * c)[i];
    const auto byte = [&](int at) { return unsigned{words[at / size]} >> 8 * (at % size) & 255; };
#pragma unroll
    for (int i = 0; i < count; ++i)
#pragma unroll
      for (int k = 0; k < c; ++k)
        pixels[i][k] = static_cast<float>(shown.flip ? byte((count - 1 - i) * c + k) : byte(i * c + k));
  } else {
#pragma unroll
    for (int i = 0; i < count; ++i)
#pragma unroll
      for (int k = 0; k < c; ++k) pixels[i][k] = line[max(shown.source(x + i), 0) * c + k];
  }
}

// The image that a thread works on.
struct Picture {
  const uint8_t* pixels;  // of the image
  const Look& look;
  Shown shown;
  int w;
};

// `count` pixels from (y, x) on, `channels` numbers each.
template <int c, int count, int channels>
__device__ void prepare_some(const Picture& of, const Normaliser& normal, int y, int x, float* result) {
  if (x < 0 || x >= of.shown.width || y < 0 || y >= of.shown.height) return;
  float some[count][c];
  read<c, count>(of.pixels + static_cast<int64_t>(y) * of.w * c, of.shown, x, some);
#pragma unroll
  for (int j = 0; j < count; ++j)
#pragma unroll
    for (int k = 0; k < c; ++k)
      if (of.shown.at(x + j, y)) result[j * channels + k] = prepared(of.look, normal, some[j], c, k);
}

// A unit a thread: `count` pixels side by side of y, which has `channels`; of 16, a block of two rows. A warp's results
// change places in shared memory, so that neighbours write neighbours.
template <typename T, int c, int channels, int count>
__global__ void prepare_units(Places units, int w, int h, Normaliser normal, const uint8_t* pixels,
                              const uint4* looks, void* y) {
  constexpr bool blocks = channels == 16;
  constexpr int numbers = blocks ? 16 : channels * count;
  using W = Word<numbers * sizeof(T)>;
  constexpr int words = numbers * sizeof(T) / sizeof(W);
  const unsigned i = blockIdx.x * threads + threadIdx.x, lane = threadIdx.x % warp;
  float result[numbers] = {};
  if (i < units.count) {
    const Place at = units.at(i);  // h and w count units
    const Look look = read_look(looks, at.n);
    const Picture of{pixels + static_cast<int64_t>(at.n) * h * w * c, look, Shown(look, h, w), w};
    if constexpr (blocks) {
#pragma unroll
      for (int row = 0; row < 2; ++row)
        prepare_some<c, 2, 3>(of, normal, 2 * at.h + block_place(6 * row).dy, 2 * at.w + block_place(0).dx,
                              result + 6 * row);
    } else {
      prepare_some<c, count, channels>(of, normal, at.h, at.w * count, result);
    }
  }
  T stored[numbers];
#pragma unroll
  for (int k = 0; k < numbers; ++k) stored[k] = rounded<T>(result[k]);
  W mine[words];
  memcpy(mine, stored, sizeof mine);
  __shared__ W all[threads * words];
  W* const exchange = all + (threadIdx.x - lane) * words;
#pragma unroll
  for (int j = 0; j < words; ++j) exchange[lane * words + j] = mine[j];
  __syncwarp();
#pragma unroll
  for (int j = 0; j < words; ++j) {
    const unsigned from = j * warp + lane, to = (i - lane) * words + from;
    if (to < units.count * words) static_cast<W*>(y)[to] = exchange[from];
  }
}

template <typename T, int c, int channels, int count>
KernelPtr kernel_of(const Site& site, const PrepareSettings& settings) {
  const Shape &from = site.in[0].shape(), &to = site.out[0].shape();
  const Places units({to.n, to.h, to.w / count, 1}, 1);
  return gpu_kernel([=, normal = Normaliser(settings)](Stream stream) {
    prepare_units<T, c, channels, count>
        <<<blocks_for(units.count, threads), threads, 0, static_cast<cudaStream_t>(stream.native)>>>(
            units, from.w, from.h, normal, site.in[0].as<uint8_t>(), site.in[1].as<uint4>(),
            site.out[0].data);
    check_launch("prepare");
  });
}

template <typename T, int count>
KernelPtr rows_kernel(const Site& site, const PrepareSettings& settings) {
  const bool gray = site.in[0].shape().c == 1;
  if (settings.form == ImageForm::padded)
    return gray ? kernel_of<T, 1, 8, count>(site, settings) : kernel_of<T, 3, 8, count>(site, settings);
  return gray ? kernel_of<T, 1, 1, count>(site, settings) : kernel_of<T, 3, 3, count>(site, settings);
}

}  // namespace

KernelPtr prepare_forward_gpu(Device&, const Site& site, const PrepareSettings& settings) {
  return for_type(site.out[0].spec.dtype, [&]<typename T>() {
    if (settings.form == ImageForm::blocks) return kernel_of<T, 3, 16, 1>(site, settings);
    return site.in[0].shape().w % 4 == 0 ? rows_kernel<T, 4>(site, settings)
                                         : rows_kernel<T, 1>(site, settings);
  });
}

}  // namespace dlfs
