#include "dlfs/gpu/hopper_filter_gradient.h"

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <algorithm>

#include "dlfs/gpu/divisor.h"
#include "dlfs/gpu/hopper_boxes.h"
#include "dlfs/gpu/hopper_parts.cuh"
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

template <int down>
struct Arguments {
  Tiles<down> tiles;
  float4* parts;  // [blocks][quads]
};

// One thread.
template <typename Of, int down>
__device__ void load(const Arguments<down>& of, const CUtensorMap& x, const CUtensorMap& dy,
                     Layout<Of, down> in) {
  using L = Layout<Of, down>;
  Turn<L::stages> turn;
  for (int tile = blockIdx.x; tile < of.tiles.count; tile += gridDim.x) {
    wait(in.barrier(L::empty + turn.stage), turn.phase ^ 1);
    const unsigned full = in.barrier(L::full + turn.stage);
    expect(full, L::halo + L::tile);
    const Corner at = of.tiles.corner(tile);
    load_box(in.place(turn.stage), &x, {at.w - Of::pad, at.h - Of::pad, at.n}, full);
    load_box(in.place(turn.stage) + L::dy, &dy, at, full);
    turn.step();
  }
}

// The sums of products `from` to `end`. Tiles are multiplied in halves: while the Tensor Cores have one, the next dy is fetched.
template <typename T, int from, int end, typename Of, int down>
__device__ __forceinline__ void consume(const Arguments<down>& of, Layout<Of, down> in) {
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
  for (int tile = blockIdx.x; tile < of.tiles.count; tile += gridDim.x) {
    wait_together(in.barrier(L::full + turn.stage), turn.phase);
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
            add_product<T>(sums + (product - from) * product_sums, a[part][i], b + (pixel * row_bytes >> 4));
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
                 const __grid_constant__ Arguments<down> of) {
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

// ---- the host's half ----

// Of each block the sums of its tiles; how many blocks there are.
template <typename T, typename Of, int down>
int sum_tiles(const HopperFilterGradient& of, cudaStream_t stream) {
  using L = Layout<Of, down>;
  const Shape& s = of.map;
  const Arguments<down> arguments{.tiles = Tiles<down>(s), .parts = static_cast<float4*>(of.workspace)};
  const Shape x{s.n, s.h + Of::rows - 1 - 2 * Of::pad, s.w + Of::rows - 1 - 2 * Of::pad, of.filters.c};
  const auto kernel = sum_products<T, Of, down>;
  cuda_check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, L::bytes),
             "cudaFuncSetAttribute");
  const int blocks = std::min(of.processors, arguments.tiles.count);
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
