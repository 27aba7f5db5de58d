// The kernels of stem_convolution.h. A pixel of x is 8 channels, 16 bytes: a row of the 8x8 matrices that ldmatrix takes
// from shared memory, so each tap reads the pixels where they stand, shifted. Rows of an image are cut into quads of four
// pixels; a warp works on units of four quads, 16 pixels, in a ring of slots of its own that it fills two units ahead.
// Warps wait for each other at the end alone.
#pragma once

#include <algorithm>

#include "dlfs/gpu/divisor.h"
#include "dlfs/gpu/matrices.cuh"
#include "dlfs/gpu/number.cuh"

namespace dlfs::stem {

constexpr int taps = 9, stages = 3, forward_threads = 128, gradient_threads = 256;
constexpr unsigned warp = 32;
constexpr int quad_bytes = 320;  // 3 rows of 6 pixels, and as many bytes that 2 quads lie in all banks
constexpr int images_bytes = 4 * quad_bytes;  // x of a unit
template <int filters>
constexpr int gradient_slot = images_bytes + 16 * filters * 2;  // and its d_y [16,filters]

struct Map {
  explicit Map(const Shape& x)
      : across((x.w + 3) / 4),
        down(x.h),
        h(x.h),
        w(x.w),
        quads(static_cast<unsigned>(x.n * x.h) * across.by),
        units((quads + 3) / 4) {}

  Divisor across, down;  // quads of a row, rows of an image
  unsigned h, w, quads, units;
};

struct Quad {
  __device__ Quad(const Map& map, unsigned i) {
    const unsigned line = map.across.split(i, column);
    column *= 4;
    pixel = line * map.w + column;
    map.down.split(line, row);
    pixels = i < map.quads ? min(map.w - column, 4U) : 0;
  }
  unsigned pixel, row, column, pixels;  // its first pixel, of all, and how many it has
};

// ---- instructions ----

// 16 bytes into shared memory, or zeros; x is kept in L1, where its neighbours look for it.
enum class Keep { no, in_l1 };
template <Keep keep>
__device__ void copy(unsigned to, const uint4* from, bool inside) {
  const int size = inside ? 16 : 0;
  if constexpr (keep == Keep::in_l1)
    asm volatile("cp.async.ca.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(size) : "memory");
  else
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(size) : "memory");
}
__device__ inline void commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int left>
__device__ void wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(left) : "memory");
}

// sums [16,8] += a [16,k] * b [k,8], of k 16 or 8.
template <typename T>
__device__ void multiply(float (&sums)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  if constexpr (std::is_same_v<T, F16>)
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
        "{%0,%1,%2,%3};"
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  else
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
        "{%0,%1,%2,%3};"
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
template <typename T>
__device__ void multiply(float (&sums)[4], const unsigned (&a)[2], unsigned b) {
  if constexpr (std::is_same_v<T, F16>)
    asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
        : "r"(a[0]), "r"(a[1]), "r"(b));
  else
    asm("mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
        : "r"(a[0]), "r"(a[1]), "r"(b));
}

// ---- what both directions share ----

// What the taps of a unit's pixels read, zeros outside of the image: [4 quads][3 rows][6 pixels]. Eight lanes a quad.
__device__ inline void fetch_images(const Map& map, const Quad& quad, const uint4* x, unsigned to) {
  const unsigned lane = threadIdx.x % warp;
#pragma unroll
  for (int j = 0; j < 3; ++j) {
    const unsigned piece = lane % 8 + 8 * j;
    if (piece >= 18) break;
    const int down = static_cast<int>(piece / 6) - 1, across = static_cast<int>(piece % 6) - 1;
    const bool inside = quad.pixels != 0 && quad.row + down < map.h && quad.column + across < map.w;
    const int64_t pixel = int64_t{quad.pixel} + down * static_cast<int>(map.w) + across;
    copy<Keep::in_l1>(to + lane / 8 * quad_bytes + piece * 16, x + (inside ? pixel : 0), inside);
  }
}

// Where the lane's pixel of a unit, of 16, stands for a tap.
__device__ inline unsigned place_of(unsigned lane, unsigned tap) {
  return lane % 16 / 4 * quad_bytes + (tap / 3 * 6 + tap % 3 + lane % 4) * 16;
}

// The block's units, side by side, its warps take in turn: fetch(unit, slot), two units later use(unit, slot).
template <int threads, int slot_bytes, typename Fetch, typename Use>
__device__ void each_unit(unsigned units, unsigned ring, const Fetch& fetch, const Use& use) {
  constexpr unsigned warps = threads / warp;
  const unsigned share = (units + gridDim.x - 1) / gridDim.x, mine = threadIdx.x / warp;
  const unsigned end = min(units, (blockIdx.x + 1) * share);
  unsigned unit = blockIdx.x * share + mine, ahead = unit;
  unsigned from = ring + mine * stages * slot_bytes, to = from;
  const unsigned first = from, last = from + (stages - 1) * slot_bytes;
  const auto next = [&](unsigned slot) { return slot == last ? first : slot + slot_bytes; };
  const auto fetch_next = [&] {
    if (ahead < end) fetch(ahead, to);
    commit();
    ahead += warps;
    to = next(to);
  };
  for (int i = 0; i < stages - 1; ++i) fetch_next();
  for (; unit < end; unit += warps) {
    __syncwarp();  // all lanes have read the slot
    fetch_next();
    wait<stages - 1>();
    __syncwarp();  // all lanes have what they fetched
    use(unit, from);
    from = next(from);
  }
}

#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
#define DLFS_STEM_SERVES 1
#else
#define DLFS_STEM_SERVES 0
#endif

// ---- y [pixels,filters] = x * w: pixels are the rows of a product, taps times channels its sum ----

// The filters stay in registers. Columns of the product are filters in such an order that a lane's sums of four tiles (or
// two, of 16 filters) are neighbours in y.
template <typename T, int filters>
__global__ void __launch_bounds__(forward_threads, 3)
    forward(Map map, const uint4* x, const unsigned* w, uint16_t* y) {
#if DLFS_STEM_SERVES
  constexpr int tiles = filters / 8, beside = tiles < 4 ? tiles : 4;
  using Some = Word<beside * 4>;
  __shared__ __align__(128) unsigned char ring[forward_threads / warp * stages * images_bytes];
  const unsigned lane = threadIdx.x % warp, group = lane / 4, at = lane % 4;
  unsigned b[tiles][taps], places[5];
#pragma unroll
  for (int n = 0; n < tiles; ++n) {
    const unsigned filter = n / beside * 8 * beside + group / 2 * 2 * beside + n % beside * 2 + group % 2;
#pragma unroll
    for (int tap = 0; tap < taps; ++tap) b[n][tap] = w[(filter * taps + tap) * 4 + at];
  }
#pragma unroll
  for (int i = 0; i < 5; ++i) places[i] = place_of(lane, i < 4 ? 2 * i + lane / 16 : 8);

  const auto fetch = [&](unsigned unit, unsigned slot) {
    fetch_images(map, Quad(map, unit * 4 + lane / 8), x, slot);
  };
  const auto use = [&](unsigned unit, unsigned slot) {
    float sums[tiles][4] = {};
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      unsigned a[4];
      load_matrices(a, slot + places[i]);
#pragma unroll
      for (int n = 0; n < tiles; ++n) multiply<T>(sums[n], a, b[n][2 * i], b[n][2 * i + 1]);
    }
    unsigned a[2];
    load_matrices(a, slot + places[4]);
#pragma unroll
    for (int n = 0; n < tiles; ++n) multiply<T>(sums[n], a, b[n][8]);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const Quad quad(map, unit * 4 + half * 2 + group / 4);
      if (group % 4 >= quad.pixels) continue;
      uint16_t* const to = y + size_t{quad.pixel + group % 4} * filters + at * 2 * beside;
#pragma unroll
      for (int n = 0; n < tiles; n += beside) {
        unsigned pairs[beside];
#pragma unroll
        for (int k = 0; k < beside; ++k) pairs[k] = pack<T>(sums[n + k][2 * half], sums[n + k][2 * half + 1]);
        Some some;
        memcpy(&some, pairs, sizeof some);
        *reinterpret_cast<Some*>(to + n * 8) = some;
      }
    }
  };
  each_unit<forward_threads, images_bytes>(map.units, shared_address(ring), fetch, use);
#endif
}

// ---- w [filters,taps,8] = x and d_y: filters are the rows of a product, a tap's channels its columns, pixels its sum ----

// Where 16 bytes of d_y stand in its slot [16 pixels,filters]: such that eight pixels lie in all banks.
template <int filters>
__device__ unsigned place_of_gradient(unsigned pixel, unsigned chunk) {
  constexpr unsigned chunks = filters / 8;
  return (pixel * chunks + (chunk ^ (pixel * chunks / 8 % chunks))) * 16;
}

// parts f32 [blocks][filters / 16][taps][32 lanes][4]: what each block sums, as its lanes hold it.
template <typename T, int filters>
__global__ void __launch_bounds__(gradient_threads, filters == 64 ? 1 : 2)
    filter_gradient(Map map, const uint4* x, const uint4* d_y, float4* parts) {
#if DLFS_STEM_SERVES
  constexpr int rows = filters / 16, chunks = filters / 8;
  extern __shared__ __align__(128) unsigned char ring[];
  const unsigned lane = threadIdx.x % warp;
  float sums[rows][taps][4] = {};

  const auto fetch = [&](unsigned unit, unsigned slot) {
    const Quad quad(map, unit * 4 + lane / 8);
    fetch_images(map, quad, x, slot);
#pragma unroll
    for (int j = 0; j < chunks / 2; ++j) {
      const unsigned piece = lane % 8 + 8 * j, pixel = piece / chunks, chunk = piece % chunks;
      const bool inside = pixel < quad.pixels;
      const size_t from = size_t{quad.pixel + pixel} * chunks + chunk;
      copy<Keep::no>(slot + images_bytes + place_of_gradient<filters>(lane / 8 * 4 + pixel, chunk),
                     d_y + (inside ? from : 0), inside);
    }
  };
  const auto use = [&](unsigned, unsigned slot) {
    unsigned b[taps / 2][4], b8[2];
#pragma unroll
    for (int i = 0; i < taps / 2; ++i) load_transposed(b[i], slot + place_of(lane, 2 * i + lane / 16));
    load_transposed(b8, slot + place_of(lane, 8));
#pragma unroll
    for (int m = 0; m < rows; ++m) {
      unsigned a[4];
      load_transposed(a, slot + images_bytes +
                             place_of_gradient<filters>(lane / 16 * 8 + lane % 8, 2 * m + lane / 8 % 2));
#pragma unroll
      for (int tap = 0; tap < taps; ++tap) {
        const unsigned* const pair = tap < 8 ? b[tap / 2] + tap % 2 * 2 : b8;
        multiply<T>(sums[m][tap], a, pair[0], pair[1]);
      }
    }
  };
  each_unit<gradient_threads, gradient_slot<filters>>(map.units, shared_address(ring), fetch, use);

  auto* const others = reinterpret_cast<float4*>(ring);
  const unsigned mine = threadIdx.x / warp;
  const auto each_sum = [&](const auto& visit) {
#pragma unroll
    for (int i = 0; i < rows * taps; ++i) visit(sums[i / taps][i % taps], i * warp + lane);
  };
  for (unsigned half = gradient_threads / warp / 2; half > 0; half /= 2) {
    __syncthreads();  // what stood there is read
    if (mine >= half && mine < 2 * half)
      each_sum([&](const float(&sum)[4], unsigned i) {
        others[(mine - half) * rows * taps * warp + i] = make_float4(sum[0], sum[1], sum[2], sum[3]);
      });
    __syncthreads();
    if (mine < half)
      each_sum([&](float(&sum)[4], unsigned i) {
        const float4 other = others[mine * rows * taps * warp + i];
        sum[0] += other.x;
        sum[1] += other.y;
        sum[2] += other.z;
        sum[3] += other.w;
      });
  }
  if (mine == 0)
    each_sum([&](const float(&sum)[4], unsigned i) {
      parts[blockIdx.x * rows * taps * warp + i] = make_float4(sum[0], sum[1], sum[2], sum[3]);
    });
#endif
}

// d_w = (or +=) the parts: 32 numbers a block, an eighth of the parts a warp.
template <typename T>
__global__ void add_parts(unsigned blocks, const float* parts, T* d_w, bool add) {
  constexpr unsigned lines = gradient_threads / warp;
  __shared__ float sums[lines][warp];
  const unsigned lane = threadIdx.x % warp, line = threadIdx.x / warp, i = blockIdx.x * warp + lane;
  float sum = 0;
#pragma unroll 8
  for (unsigned part = line; part < blocks; part += lines) sum += parts[part * gridDim.x * warp + i];
  sums[line][lane] = sum;
  __syncthreads();
  if (line != 0) return;
  for (unsigned other = 1; other < lines; ++other) sum += sums[other][lane];
  const unsigned of = i / 4 % warp, tap = i / 128 % taps,
                 filter = i / 128 / taps * 16 + of / 4 + i / 2 % 2 * 8;
  T& to = d_w[(filter * taps + tap) * 8 + of % 4 * 2 + i % 2];
  to = rounded<T>(add ? wide(to) + sum : sum);
}

}  // namespace dlfs::stem
