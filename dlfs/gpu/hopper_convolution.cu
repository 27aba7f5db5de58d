#include "dlfs/gpu/hopper_convolution.h"

#include <cuda.h>
#include <cuda_runtime_api.h>

#include "dlfs/base/error.h"
#include "dlfs/gpu/divisor.h"
#include "dlfs/gpu/hopper_boxes.h"
#include "dlfs/gpu/hopper_moments.cuh"
#include "dlfs/gpu/launch.h"

#if defined(__CUDA_ARCH__) && !defined(__CUDA_ARCH_FEAT_SM90_ALL)
#pragma nv_diag_suppress 177  // for other cards the kernel is empty, and nothing of it is called
#endif

namespace dlfs {
namespace {

using namespace hopper;

// The product is y^T [64 filters, pixels] = w [64, taps * 64] * x^T [taps * 64, pixels]. The filters stay in the registers of a
// warpgroup for the kernel's whole life. The pixels are a tile of 8 across and 16 or 14 down with a rim for the taps, a box in
// shared memory in which one pixel is a row of 128 bytes: each tap reads the same box, shifted. A block walks over
// tiles: a thread loads boxes into a ring, and two warpgroups take every other tile, one multiplying while the other stores.
constexpr int stages = 8;

// step: numbers of x from one pixel to the next; staging: tiles on their way out for each consumer.
struct ThreeByThree {
  static constexpr int taps_across = 3, taps_down = 3, pad = 1, step = channels, staging = 1;
};
// Four taps across are 64 numbers side by side in x [n,h+3,w+3,16] as in w [64,4,4,16]: to the kernel they are one tap, on a map
// of 64 channels whose pixels overlap.
struct Stem {
  static constexpr int taps_across = 1, taps_down = 4, pad = 0, step = 16, staging = 2;
};

// What lies where in shared memory, for tiles of `down` rows of pixels. Boxes begin at multiples of 1,024 bytes: the pattern by
// which 16-byte words are swapped ("swizzle") hangs on the address alone.
template <typename Form, int rows>
struct Layout : Form {
  static constexpr int down = rows, taps = Form::taps_across * Form::taps_down, steps = taps * channels / 16;
  static constexpr int halo_across = across + Form::taps_across - 1, halo_down = down + Form::taps_down - 1;
  static constexpr int halo = halo_down * halo_across * row_bytes;
  static constexpr int stage = (halo + 1023) / 1024 * 1024;
  static constexpr int tile = down * across * row_bytes;
  static constexpr int filter_bytes = channels * taps * row_bytes;
  static constexpr int filters = stages * stage - filter_bytes;  // read once, then part of the ring
  static constexpr int stages_before_filters = filters / stage;  // free from the start
  static constexpr int tiles = stages * stage;
  static constexpr int barriers = tiles + consumers * Form::staging * tile;
  static constexpr int full = 0, empty = stages, filters_full = 2 * stages, filters_read = 2 * stages + 1,
                       addend = 2 * stages + 2, barrier_count = addend + consumers;
  static constexpr int bytes = barriers + 8 * barrier_count + 1024;  // the last to round the start up
  static_assert(filters % 1024 == 0 && tile % 1024 == 0 && bytes + sizeof(MomentsMeeting) <= 227 * 1024);
};

template <int down>
struct Arguments {
  Tiles<down> tiles;
  int h, w;
  bool data_gradient, add, relu;
  const unsigned short* bias;
  MomentsTo moments;
};

// Where a block's barriers and boxes are.
template <typename L>
struct Place {
  unsigned base;
  __device__ unsigned stage(int index) const { return base + index * L::stage; }
  __device__ unsigned tile(int consumer, unsigned turn) const {
    return base + L::tiles + (consumer * L::staging + turn % L::staging) * L::tile;
  }
  __device__ unsigned filters() const { return base + L::filters; }
  __device__ unsigned barrier(int index) const { return base + L::barriers + 8 * index; }
};

// One thread.
template <typename L>
__device__ void load(const Arguments<L::down>& of, const CUtensorMap& x, const CUtensorMap& w, Place<L> in) {
  expect(in.barrier(L::filters_full), L::filter_bytes);
  load_box(in.filters(), &w, {}, in.barrier(L::filters_full));
  Turn<stages> turn;
  bool again = false;
  for (int tile = blockIdx.x; tile < of.tiles.count; tile += gridDim.x) {
    if (!again && turn.stage == L::stages_before_filters) wait(in.barrier(L::filters_read), 0);
    if (again) wait(in.barrier(L::empty + turn.stage), turn.phase ^ 1);
    const unsigned full = in.barrier(L::full + turn.stage);
    expect(full, L::halo);
    const Corner at = of.tiles.corner(tile);
    load_box(in.stage(turn.stage), &x, {at.w - L::pad, at.h - L::pad, at.n}, full);
    turn.step();
    if (turn.stage == 0) again = true;
  }
}

// This warp's 16 rows of w as the products want them: step by step 16 x 16 numbers.
template <typename L>
__device__ __forceinline__ void read_filters(unsigned (&a)[L::steps][4], bool data_gradient, Place<L> in) {
  const int warp = threadIdx.x / 32 % 4, lane = threadIdx.x % 32, matrix = lane / 8;
  wait_together(in.barrier(L::filters_full), 0);
  if (data_gradient) {  // rows are channels, what is summed over are filters, and taps stand the other way round
#pragma unroll
    for (int step = 0; step < L::steps; ++step) {
      const int row = (step % 4 * 16 + matrix / 2 * 8 + lane % 8) * L::taps + L::taps - 1 - step / 4;
      const int word = warp * 2 + matrix % 2;
      load_transposed(a[step], in.filters() + row * row_bytes + ((word ^ row) & 7) * 16);
    }
  } else {
#pragma unroll
    for (int step = 0; step < L::steps; ++step) {
      const int row = (warp * 16 + matrix % 2 * 8 + lane % 8) * L::taps + step / 4;
      const int word = step % 4 * 2 + matrix / 2;
      load_matrices(a[step], in.filters() + row * row_bytes + ((word ^ row) & 7) * 16);
    }
  }
  __syncwarp();
  if (lane == 0) arrive(in.barrier(L::filters_read));
}

// sums = the products of one tile; not waited for.
template <typename T, typename L>
__device__ __forceinline__ void multiply_tile(float (&sums)[L::down * 4], const unsigned (&a)[L::steps][4],
                                              unsigned stage) {
  const uint64_t begin = (stage >> 4) | uint64_t{(L::halo_across * row_bytes) >> 4} << 32 | uint64_t{1} << 62;
  hold(sums);
  begin_products();
#pragma unroll
  for (int step = 0; step < L::steps; ++step) {
    const int pixel = step / 4 / L::taps_across * L::halo_across + step / 4 % L::taps_across;
    multiply<T>(sums, a[step], begin + ((pixel * row_bytes + step % 4 * 32) >> 4), step != 0);
  }
  end_products();
  hold(sums);
}

// A tile's numbers from registers to memory, through shared memory, where each warp has its 16 channels.
template <typename T, typename L>
__device__ __forceinline__ void store_tile(float (&sums)[L::down * 4], unsigned (&packed)[L::down * 2],
                                           const Arguments<L::down>& of, float2 bias, const CUtensorMap& y,
                                           Corner at, int consumer, unsigned phase, Place<L> in) {
  const int lane = threadIdx.x % 32, word = threadIdx.x % warpgroup / 32 * 2 + lane / 8 % 2;
  const bool leads = threadIdx.x % warpgroup == 0;
  // Matrices of 8 pixels and 8 channels: a row's first and second eight channels, then the next row's.
  const unsigned tile = in.tile(consumer, phase);
  const unsigned mine = tile + lane / 16 * across * row_bytes + lane % 8 * row_bytes + (word ^ lane % 8) * 16;
  if (of.add) {
    wait_together(in.barrier(L::addend + consumer), phase);
  } else {
    if (leads) wait_for_stores<L::staging - 1>();
    __syncwarp();
    meet(3 + consumer, warpgroup);
  }
#pragma unroll
  for (int row = 0; row < L::down; row += 2) {
    const unsigned to = mine + row * across * row_bytes;
#pragma unroll
    for (int i = 0; i < 8; ++i) sums[row * 4 + i] += i / 2 % 2 == 0 ? bias.x : bias.y;
    if (of.add) {
      unsigned there[4];
      load_transposed(there, to);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const float2 pair = unpack<T>(there[i]);
        sums[row * 4 + i * 2] += pair.x;
        sums[row * 4 + i * 2 + 1] += pair.y;
      }
    }
#pragma unroll
    for (int i = 0; i < 8; ++i)
      if (of.relu && sums[row * 4 + i] <= 0) sums[row * 4 + i] = 0;
#pragma unroll
    for (int i = 0; i < 4; ++i)
      packed[row * 2 + i] = pack<T>(sums[row * 4 + i * 2], sums[row * 4 + i * 2 + 1]);
    store_transposed(to, packed + row * 2);
  }
  publish_to_boxes();
  meet(3 + consumer, warpgroup);
  if (leads) store_box(&y, at, tile);
}

template <typename T, typename L>
__device__ void consume(const Arguments<L::down>& of, const CUtensorMap& y, const CUtensorMap& add,
                        int consumer, Place<L> in) {
  const bool leads = threadIdx.x % warpgroup == 0;
  unsigned a[L::steps][4];
  read_filters(a, of.data_gradient, in);
  unsigned bias = 0;
  if (of.bias != nullptr)
    bias = of.bias[first_filter()] | static_cast<unsigned>(of.bias[first_filter() + 8]) << 16;
  Moments moments;
  Turn<stages> turn{consumer};
  unsigned phase = 0;
  if (consumer == 1 && blockIdx.x < of.tiles.count) announce(1, 2 * warpgroup);
  for (int tile = blockIdx.x + consumer * gridDim.x; tile < of.tiles.count; tile += consumers * gridDim.x) {
    const Corner at = of.tiles.corner(tile);
    if (of.add && leads) {
      wait_for_stores<L::staging - 1>();
      expect(in.barrier(L::addend + consumer), L::tile);
      load_box(in.tile(consumer, phase), &add, at, in.barrier(L::addend + consumer));
    }
    __syncwarp();
    float sums[L::down * 4];
    unsigned packed[L::down * 2];
    wait_together(in.barrier(L::full + turn.stage), turn.phase);
    meet(1 + consumer, 2 * warpgroup);
    multiply_tile<T, L>(sums, a, in.stage(turn.stage));
    if (tile + gridDim.x < of.tiles.count) announce(2 - consumer, 2 * warpgroup);
    wait_for_products();
    hold(sums);
    if (threadIdx.x % 32 == 0) arrive(in.barrier(L::empty + turn.stage));
    __syncwarp();
    store_tile<T>(sums, packed, of, unpack<T>(bias), y, at, consumer, phase, in);
    if (of.moments.to != nullptr)
      moments.take<T, L::down>(packed, min(L::down, of.h - at.h), min(across, of.w - at.w));
    turn.step(consumers);
    phase ^= 1;
  }
  if (of.moments.to != nullptr) give_moments(moments, of.moments, consumer);
  if (leads) wait_for_stores();
}

template <typename T, typename L>
__global__ void __launch_bounds__(threads, 1)
    convolve(const __grid_constant__ CUtensorMap x, const __grid_constant__ CUtensorMap w,
             const __grid_constant__ CUtensorMap y, const __grid_constant__ CUtensorMap add,
             const __grid_constant__ Arguments<L::down> of) {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  extern __shared__ char memory[];
  const Place<L> in{(shared_address(memory) + 1023) & ~1023U};
  if (threadIdx.x == 0) {
    prefetch(&x), prefetch(&w), prefetch(&y);
    for (int i = 0; i < L::barrier_count; ++i)
      make_barrier(in.barrier(i), i >= L::empty && i < L::filters_full ? 4
                                  : i == L::filters_read               ? 4 * consumers
                                                                       : 1);
    publish_barriers();
  }
  __syncthreads();
  const int group = __shfl_sync(~0U, threadIdx.x / warpgroup, 0);
  if (group == consumers) {
    give_registers<24>();
    if (threadIdx.x == consumers * warpgroup) load(of, x, w, in);
  } else {
    take_registers<240>();
    consume<T>(of, y, add, group, in);
  }
#endif
}

// ---- the host's half ----

template <typename T, typename L>
void launch_tiles(const HopperConvolution& of, cudaStream_t stream) {
  const Shape& s = of.map;
  constexpr int rim_w = L::taps_across - 1 - 2 * L::pad, rim_h = L::taps_down - 1 - 2 * L::pad;
  const auto map = [&](const void* data) {
    return encode({.data = data, .dtype = of.dtype, .tensor = s, .box = {1, L::down, across, s.c}});
  };
  const Shape filters{channels, L::taps_down, L::taps_across, channels};
  constexpr int pixels = channels / L::step;
  auto* const parts = static_cast<float2*>(of.workspace);
  const Arguments<L::down> arguments{
      .tiles = Tiles<L::down>(s),
      .h = s.h,
      .w = s.w,
      .data_gradient = of.data_gradient,
      .add = of.add != nullptr,
      .relu = of.relu,
      .bias = static_cast<const unsigned short*>(of.bias),
      .moments = {.to = of.moments,
                  .pixels = static_cast<float>(int64_t{s.n} * s.h * s.w),
                  .parts = parts,
                  .counts = reinterpret_cast<int*>(parts + of.processors * channels),
                  .ticket = of.ticket}};
  const auto kernel = convolve<T, L>;
  cuda_check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, L::bytes),
             "cudaFuncSetAttribute");
  kernel<<<of.processors, threads, L::bytes, stream>>>(
      encode({.data = of.x,
              .dtype = of.dtype,
              .tensor = {s.n, s.h + rim_h, s.w + rim_w + pixels - 1, L::step},
              .box = {1, L::halo_down, L::halo_across, channels},
              .pixels = pixels}),
      encode({.data = of.w, .dtype = of.dtype, .tensor = filters, .box = filters}), map(of.y),
      map(of.add != nullptr ? of.add : of.y), arguments);
  check_launch("hopper convolution");
}

template <typename T, typename Form>
void launch_form(const HopperConvolution& of, cudaStream_t stream) {
  if (hopper_tiles(of.map).down == 14)
    launch_tiles<T, Layout<Form, 14>>(of, stream);
  else
    launch_tiles<T, Layout<Form, 16>>(of, stream);
}

template <typename T>
void launch(const HopperConvolution& of, cudaStream_t stream) {
  if (of.stem)
    launch_form<T, Stem>(of, stream);
  else
    launch_form<T, ThreeByThree>(of, stream);
}

}  // namespace

size_t hopper_workspace(int processors) {
  return static_cast<size_t>(processors) * (channels * sizeof(float2) + sizeof(int));
}

bool built_for_hopper() {
#ifdef DLFS_SM90A
  return true;
#else
  return false;
#endif
}

void run_hopper_convolution(const HopperConvolution& of, Stream stream) {
  const auto native = static_cast<cudaStream_t>(stream.native);
  if (of.dtype == DType::f16)
    launch<F16>(of, native);
  else
    launch<Bf16>(of, native);
}

}  // namespace dlfs
