#include "dlfs/gpu/hopper_filter_gradient.h"

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <algorithm>

#include "dlfs/gpu/divisor.h"
#include "dlfs/gpu/hopper.cuh"
#include "dlfs/gpu/hopper_boxes.h"
#include "dlfs/gpu/hopper_tiles.h"
#include "dlfs/gpu/launch.h"

#if defined(__CUDA_ARCH__) && !defined(__CUDA_ARCH_FEAT_SM90_ALL)
#pragma nv_diag_suppress 177  // for other cards the kernel is empty, and nothing of it is called
#endif

namespace dlfs {
namespace {

using namespace hopper;

// The product is dw [64 filters, columns] = dy^T [64, pixels] * x [pixels, columns], where columns are taps and their channels, and
// x is shifted by each of the taps. Pixels come in tiles of 8 across and 16 or 14 down; a thread loads tiles of dy, and of x with
// what lies around them, into a ring in shared memory, in which one pixel is a row of 128 bytes. Two warpgroups have the sums of
// half of the columns each in their registers for the kernel's whole life, and take dy to their registers 16 pixels at a
// time; x they multiply where it lies, 64 columns at a time. In the end each block has sums of its tiles, which a second kernel
// adds up in one order.
constexpr int channels = 64, across = 8, row_bytes = channels * 2;
constexpr int warpgroup = 128, consumers = 2, threads = (consumers + 1) * warpgroup;
constexpr int product_sums = channels / 2;  // in one thread
// Sums of a block come in quads, as threads have them: of a warpgroup's thread the quad of each 8 columns of dw.
constexpr int product_quads = channels / 8 * warpgroup;

// What the columns of one product are: of 3 x 3 from 64 channels a tap,
struct Taps {
  static constexpr int rows = 3, products_of_row = 3, pad = 1, pixels = 1;
};
// and of 4 x 4 from 16 channels a row of taps, of which x is seen as a map whose pixels are four neighbouring ones.
struct Rows {
  static constexpr int rows = 4, products_of_row = 1, pad = 0, pixels = 4;
};

// What lies where in shared memory, for tiles of `down` rows of pixels. Boxes begin at multiples of 1,024 bytes: the pattern by
// which 16-byte words are swapped ("swizzle") hangs on the address alone.
template <typename Of, int down>
struct Layout {
  static constexpr int products = Of::rows * Of::products_of_row;
  static constexpr int halo_across = across + Of::products_of_row - 1, halo_down = down + Of::rows - 1;
  static constexpr int halo = halo_down * halo_across * row_bytes, tile = down * across * row_bytes;
  static constexpr int dy = (halo + 1023) / 1024 * 1024;  // behind x
  static constexpr int stage = dy + tile;
  static constexpr int stages = 226 * 1024 / stage;
  static constexpr int barriers = stages * stage;
  static constexpr int full = 0, empty = stages, barrier_count = 2 * stages;
  static constexpr int bytes = barriers + 8 * barrier_count + 1024;  // the last to round the start up
  static_assert(tile % 1024 == 0 && stages >= 4 && bytes <= 227 * 1024);

  // Where a block's boxes and barriers are.
  unsigned base;
  __device__ unsigned place(int index) const { return base + index * stage; }
  __device__ unsigned barrier(int index) const { return base + barriers + 8 * index; }
};

struct Arguments {
  int tiles;
  Divisor tiles_across, tiles_down;
  float4* parts;  // [blocks][quads]

  __device__ Corner corner(int tile, int down) const {
    unsigned column, row;
    const unsigned rows = tiles_across.split(tile, column), n = tiles_down.split(rows, row);
    return {static_cast<int>(column) * across, static_cast<int>(row) * down, static_cast<int>(n)};
  }
};

// A place in the ring, and how often it was come to.
template <int stages>
struct Turn {
  int stage = 0;
  unsigned phase = 0;
  __device__ void step() {
    if (++stage == stages) stage = 0, phase ^= 1;
  }
};

// ---- products ----

#define DLFS_SUMS_8(i)                                                                       \
  "+f"(sums[i]), "+f"(sums[i + 1]), "+f"(sums[i + 2]), "+f"(sums[i + 3]), "+f"(sums[i + 4]), \
      "+f"(sums[i + 5]), "+f"(sums[i + 6]), "+f"(sums[i + 7])
#define DLFS_PRODUCT(type)                                                                                \
  asm volatile(                                                                                           \
      "{ .reg .pred p; setp.eq.b32 p, 0, 0; wgmma.mma_async.sync.aligned.m64n64k16.f32." type "." type    \
      " {%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, " \
      "%21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31}, {%32, %33, %34, %35}, %36, p, 1, 1, 1; }"  \
      : DLFS_SUMS_8(0), DLFS_SUMS_8(8), DLFS_SUMS_8(16), DLFS_SUMS_8(24)                                  \
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b))

// 32 sums in each thread, [64,64] += a [64,16] * b [16,64]: sums and a in the warpgroup's registers, b described, in shared
// memory, where a row is a pixel.
template <typename T>
__device__ __forceinline__ void multiply(float* sums, const unsigned (&a)[4], uint64_t b) {
  if constexpr (std::is_same_v<T, F16>)
    DLFS_PRODUCT("f16");
  else
    DLFS_PRODUCT("bf16");
}

#undef DLFS_PRODUCT
#undef DLFS_SUMS_8

// All products but those of the `rest` batches that were begun last.
template <int rest>
__device__ void wait_for_products_but() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(rest) : "memory");
}

// ---- the first kernel ----

// One thread.
template <typename Of, int down>
__device__ void load(const Arguments& of, const CUtensorMap& x, const CUtensorMap& dy, Layout<Of, down> in) {
  using L = Layout<Of, down>;
  Turn<L::stages> turn;
  for (int tile = blockIdx.x; tile < of.tiles; tile += gridDim.x) {
    wait(in.barrier(L::empty + turn.stage), turn.phase ^ 1, 1);
    const unsigned full = in.barrier(L::full + turn.stage);
    expect(full, L::halo + L::tile);
    const Corner at = of.corner(tile, down);
    load_box(in.place(turn.stage), &x, {at.w - Of::pad, at.h - Of::pad, at.n}, full);
    load_box(in.place(turn.stage) + L::dy, &dy, at, full);
    turn.step();
  }
}

// The sums of products `from` to `end`. Tiles are multiplied in halves: while the Tensor Cores have one, the next dy is fetched.
template <typename T, int from, int end, typename Of, int down>
__device__ __forceinline__ void consume(const Arguments& of, Layout<Of, down> in) {
  using L = Layout<Of, down>;
  constexpr int steps = down / 2, half = (steps + 1) / 2;  // of 2 x 8 pixels
  const int lane = threadIdx.x % 32, thread = threadIdx.x % warpgroup, word = thread / 32 * 2 + lane / 8 % 2;
  // Matrices of 8 pixels and 8 filters: a row's first and second eight filters, then the next row's.
  const unsigned mine =
      L::dy + lane / 16 * across * row_bytes + lane % 8 * row_bytes + (word ^ lane % 8) * 16;
  float sums[(end - from) * product_sums];
#pragma unroll
  for (float& sum : sums) sum = 0;
  hold(sums);
  Turn<L::stages> turn;
  int before = -1;  // the stage that the products of the last tile read
  for (int tile = blockIdx.x; tile < of.tiles; tile += gridDim.x) {
    wait_together(in.barrier(L::full + turn.stage), turn.phase, 2);
    const unsigned stage = in.place(turn.stage);
    // 16 pixels of x: how far apart rows of 8 of them are, and that words are swapped.
    const uint64_t b = stage >> 4 | uint64_t{L::halo_across * row_bytes >> 4} << 32 | uint64_t{1} << 62;
    unsigned a[2][half][4];
#pragma unroll
    for (int part = 0; part < 2; ++part) {
      wait_for_products_but<1>();
      if (part == 1 && before >= 0) {
        if (lane == 0) arrive(in.barrier(L::empty + before));
        __syncwarp();
      }
#pragma unroll
      for (int i = 0; i < half; ++i)
        if (part * half + i < steps)
          load_transposed(a[part][i], stage + mine + (part * half + i) * 2 * across * row_bytes);
      begin_products();
#pragma unroll
      for (int i = 0; i < half; ++i)
#pragma unroll
        for (int product = from; product < end; ++product) {
          const int step = part * half + i, row = step * 2 + product / Of::products_of_row;
          const int pixel = row * L::halo_across + product % Of::products_of_row;
          if (step < steps)
            multiply<T>(sums + (product - from) * product_sums, a[part][i], b + (pixel * row_bytes >> 4));
        }
      end_products();
    }
    before = turn.stage;
    turn.step();
  }
  wait_for_products();
  hold(sums);
  float4* const to = of.parts + (blockIdx.x * L::products + from) * product_quads + thread;
#pragma unroll
  for (int i = 0; i < (end - from) * product_sums / 4; ++i)
    to[i * warpgroup] = {sums[i * 4], sums[i * 4 + 1], sums[i * 4 + 2], sums[i * 4 + 3]};
}

template <typename T, typename Of, int down>
__global__ void __launch_bounds__(threads, 1)
    sum_products(const __grid_constant__ CUtensorMap x, const __grid_constant__ CUtensorMap dy,
                 const __grid_constant__ Arguments of) {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  using L = Layout<Of, down>;
  extern __shared__ char memory[];
  const L in{(shared_address(memory) + 1023) & ~1023U};
  if (threadIdx.x == 0) {
    prefetch(&x), prefetch(&dy);
    for (int i = 0; i < L::barrier_count; ++i)
      make_barrier(in.barrier(i), i >= L::empty ? consumers * warpgroup / 32 : 1);
    publish_barriers();
  }
  __syncthreads();
  const int group = __shfl_sync(~0U, threadIdx.x / warpgroup, 0);
  if (group == consumers) {
    give_registers<24>();
    if (threadIdx.x == consumers * warpgroup) load(of, x, dy, in);
  } else {
    take_registers<240>();
    if (group == 0)
      consume<T, 0, (L::products + 1) / 2>(of, in);
    else
      consume<T, (L::products + 1) / 2, L::products>(of, in);
  }
#endif
}

// ---- the second kernel: a block has 32 quads, and each of its warps every sixteenth part ----

constexpr int add_warps = 16;

template <typename T>
__global__ void __launch_bounds__(add_warps * 32)
    add_parts(const float4* parts, int count, int columns, unsigned* dw, bool add) {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  __shared__ float4 meeting[add_warps][32];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, quad = blockIdx.x * 32 + lane;
  const int quads = columns / 8 * warpgroup;
  float4 sum = {};
#pragma unroll 8
  for (int i = warp; i < count; i += add_warps) {
    const float4 part = __ldcg(parts + i * quads + quad);
    sum.x += part.x, sum.y += part.y, sum.z += part.z, sum.w += part.w;
  }
  meeting[warp][lane] = sum;
  __syncthreads();
  if (warp != 0) return;
#pragma unroll
  for (int i = 1; i < add_warps; ++i) {
    const float4 other = meeting[i][lane];
    sum.x += other.x, sum.y += other.y, sum.z += other.z, sum.w += other.w;
  }
  // Two neighbouring columns of one filter, and of the one 8 further.
  const int filter = quad / 32 % 4 * 16 + lane / 4, column = quad / warpgroup * 8 + lane % 4 * 2;
  const auto store = [&](int row, float first, float second) {
    unsigned* const to = dw + (row * columns + column) / 2;
    const float2 there = add ? unpack<T>(*to) : float2{};
    *to = pack<T>(first + there.x, second + there.y);
  };
  store(filter, sum.x, sum.y);
  store(filter + 8, sum.z, sum.w);
#endif
}

// ---- the host's half ----

// Of each block the sums of its tiles; how many blocks there are.
template <typename T, typename Of, int down>
int sum_tiles(const HopperFilterGradient& of, cudaStream_t stream) {
  using L = Layout<Of, down>;
  const Shape& s = of.map;
  const Divisor tiles_across((s.w + across - 1) / across), tiles_down((s.h + down - 1) / down);
  const Arguments arguments{.tiles = static_cast<int>(s.n * tiles_across.by * tiles_down.by),
                            .tiles_across = tiles_across,
                            .tiles_down = tiles_down,
                            .parts = static_cast<float4*>(of.workspace)};
  const Shape x{s.n, s.h + Of::rows - 1 - 2 * Of::pad, s.w + Of::rows - 1 - 2 * Of::pad, of.filters.c};
  const auto kernel = sum_products<T, Of, down>;
  cuda_check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, L::bytes),
             "cudaFuncSetAttribute");
  const int blocks = std::min(of.processors, arguments.tiles);
  kernel<<<blocks, threads, L::bytes, stream>>>(
      encode({.data = of.x,
              .dtype = of.dtype,
              .tensor = x,
              .box = {1, L::halo_down, L::halo_across, channels},
              .pixels = Of::pixels}),
      encode({.data = of.dy, .dtype = of.dtype, .tensor = s, .box = {1, down, across, channels}}), arguments);
  check_launch("hopper filter gradient");
  return blocks;
}

template <typename T, typename Of>
void launch(const HopperFilterGradient& of, cudaStream_t stream) {
  const int blocks =
      hopper_tiles(of.map).down == 14 ? sum_tiles<T, Of, 14>(of, stream) : sum_tiles<T, Of, 16>(of, stream);
  const int columns = static_cast<int>(of.filters.count() / channels);
  add_parts<T><<<columns / 2, add_warps * 32, 0, stream>>>(static_cast<const float4*>(of.workspace), blocks,
                                                           columns, static_cast<unsigned*>(of.dw), of.add);
  check_launch("hopper filter gradient's sum");
}

template <typename T>
void launch(const HopperFilterGradient& of, cudaStream_t stream) {
  if (of.filters.c == channels)
    launch<T, Taps>(of, stream);
  else
    launch<T, Rows>(of, stream);
}

}  // namespace

size_t hopper_filter_workspace(const Shape& filters, int processors) {
  return static_cast<size_t>(filters.count() * processors) * sizeof(float);
}

void run_hopper_filter_gradient(const HopperFilterGradient& of, Stream stream) {
  const auto native = static_cast<cudaStream_t>(stream.native);
  if (of.dtype == DType::f16)
    launch<F16>(of, native);
  else
    launch<Bf16>(of, native);
}

}  // namespace dlfs
