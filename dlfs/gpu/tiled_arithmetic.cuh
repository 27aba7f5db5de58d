// What a block of a tiled product does with a stage, for .cu files alone: copy it from global to shared memory, and multiply
// it, in plain f32 or on Tensor Cores.
#pragma once

#include "dlfs/gpu/tiled_index.cuh"

namespace dlfs::tiles {

constexpr int threads = 128, stages = 3;

// `count` floats from global to shared memory, or zeros; behind the back of the arithmetic where the card can. What is
// `sure` to be there costs fewer instructions.
template <int count, bool sure>
__device__ void copy(float* to, const float* from, bool there) {
#if __CUDA_ARCH__ >= 800
  const auto address = static_cast<unsigned>(__cvta_generic_to_shared(to));
  const int bytes = there ? 4 * count : 0;
  if constexpr (count == 4 && sure)
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(address), "l"(from) : "memory");
  else if constexpr (count == 4)
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address), "l"(from), "r"(bytes)
                 : "memory");
  else if constexpr (sure)
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2;" ::"r"(address), "l"(from), "n"(4 * count)
                 : "memory");
  else
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(address), "l"(from), "n"(4 * count),
                 "r"(bytes)
                 : "memory");
#else
  for (int i = 0; i < count; ++i) to[i] = sure || there ? from[i] : 0;
#endif
}

inline __device__ void end_of_stage() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

// All stages but the youngest `stages - 2` have arrived.
inline __device__ void wait_for_stage() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_group %0;" ::"n"(stages - 2) : "memory");
#endif
}

inline __device__ unsigned as_tf32(float value) {
  unsigned rounded = __float_as_uint(value);
#if __CUDA_ARCH__ >= 800
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(rounded) : "f"(value));
#endif
  return rounded;
}

// c [16, 8] += a [16, 8] * b [8, 8], spread over a warp as PTX's mma.m16n8k8 says.
inline __device__ void tensor_core(float* c, const unsigned* a, const unsigned* b) {
#if __CUDA_ARCH__ >= 800
  asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}

// How a block is laid out. In shared memory a tile of a lies [row][k] where the length lies together in memory, else
// [k][row]; b likewise. The strides keep the reads of a warp off each other's banks.
template <ConvKind kind, int row_warps, int width>
struct Layout {
  static constexpr int height = 32 * row_warps,
                       groups = threads / 32 / row_warps;           // of warps, over the length
  static constexpr int slice = width == 64 && groups > 1 ? 8 : 16;  // of the length, a group's at a time
  static constexpr int depth = slice * groups;                      // a stage's
  static constexpr bool a_along = kind != ConvKind::filter_gradient, b_along = kind == ConvKind::forward;
  static constexpr int a_stride = a_along ? depth + 4 : height + 8;
  static constexpr int b_stride = b_along ? depth + 4 : width % 32 == 24 ? width : width + 8;
  static constexpr int a_size = a_along ? height * a_stride : depth * a_stride;
  static constexpr int b_size = b_along ? width * b_stride : depth * b_stride;
  static constexpr int result_stride = width % 32 == 24 ? width + 4 : width + 8;
  static_assert(height * result_stride <= stages * (a_size + b_size), "results take the stages' place");

  struct Shared {
    float stage[stages][a_size + b_size];
    Row rows[height];
    Along along[2][depth];  // of the stage to be read next, and of the one behind it
  };
  static_assert(sizeof(Shared) <= 65536, "more than an RTX 20xx gives a block");

  static __device__ int a(int row, int k) { return a_along ? row * a_stride + k : k * a_stride + row; }
  static __device__ int b(int column, int k) {
    return b_along ? column * b_stride + k : k * b_stride + column;
  }
};

// A warp's share of the tile, 32 x `width`, a thread holding `width` sums; plain multiply-adds.
template <typename Layout, int width>
struct Multiply {
  static constexpr int across = width == 24 ? 4 : 8, down = 32 / across;  // threads of the warp
  static constexpr int rows = 32 / down, columns = width / across;        // sums of a thread
  static constexpr bool fours = !Layout::a_along;                         // rows lie four and four together

  static __device__ int row(int i) {
    const int ty = threadIdx.x % 32 / across, line = i / columns;
    return fours ? ty * 4 + line % 4 + line / 4 * (4 * down) : ty + down * line;
  }
  static __device__ int column(int i) { return threadIdx.x % across + across * (i % columns); }

  static __device__ void add(const float* a, const float* b, int first_row, int first_k, float* sums) {
#pragma unroll
    for (int k = first_k; k < first_k + Layout::slice; k += 4) {
      float as[rows][4];  // of four k
      if constexpr (Layout::a_along) {
#pragma unroll
        for (int i = 0; i < rows; ++i)
          *reinterpret_cast<float4*>(as[i]) =
              *reinterpret_cast<const float4*>(a + Layout::a(first_row + row(i * columns), k));
      } else {
#pragma unroll
        for (int j = 0; j < 4; ++j)
#pragma unroll
          for (int i = 0; i < rows; i += 4) {
            const float4 four =
                *reinterpret_cast<const float4*>(a + Layout::a(first_row + row(i * columns), k + j));
            as[i][j] = four.x;
            as[i + 1][j] = four.y;
            as[i + 2][j] = four.z;
            as[i + 3][j] = four.w;
          }
      }
#pragma unroll
      for (int j = 0; j < columns; ++j) {
        float bs[4];
        if constexpr (Layout::b_along)
          *reinterpret_cast<float4*>(bs) = *reinterpret_cast<const float4*>(b + Layout::b(column(j), k));
        else
#pragma unroll
          for (int l = 0; l < 4; ++l) bs[l] = b[Layout::b(column(j), k + l)];
#pragma unroll
        for (int l = 0; l < 4; ++l)
#pragma unroll
          for (int i = 0; i < rows; ++i) sums[i * columns + j] = fmaf(as[i][l], bs[l], sums[i * columns + j]);
      }
    }
  }
};

// The same on Tensor Cores: both factors are rounded to tf32, the sums stay f32.
template <typename Layout, int width>
struct TensorCores {
  static constexpr int pieces = width / 8;  // of 16 x 8 sums, side by side

  static __device__ int row(int i) { return i / 4 / pieces * 16 + threadIdx.x % 32 / 4 + i % 4 / 2 * 8; }
  static __device__ int column(int i) { return i / 4 % pieces * 8 + threadIdx.x % 4 * 2 + i % 2; }

  static __device__ void add(const float* a, const float* b, int first_row, int first_k, float* sums) {
    const int line = threadIdx.x % 32 / 4, lane = threadIdx.x % 4;
#pragma unroll
    for (int k = first_k + lane; k < first_k + lane + Layout::slice; k += 8) {
      unsigned as[2][4];
#pragma unroll
      for (int m = 0; m < 2; ++m)
#pragma unroll
        for (int i = 0; i < 4; ++i)
          as[m][i] = as_tf32(a[Layout::a(first_row + 16 * m + line + i % 2 * 8, k + i / 2 * 4)]);
#pragma unroll
      for (int n = 0; n < pieces; ++n) {
        const unsigned bs[2] = {as_tf32(b[Layout::b(8 * n + line, k)]),
                                as_tf32(b[Layout::b(8 * n + line, k + 4)])};
#pragma unroll
        for (int m = 0; m < 2; ++m) tensor_core(sums + 4 * (m * pieces + n), as[m], bs);
      }
    }
  }
};

// The arithmetic of a card: cards before the RTX 30xx have no tf32.
template <typename Layout, int width, bool tensor_cores>
struct Arithmetic : Multiply<Layout, width> {};
#if __CUDA_ARCH__ >= 800
template <typename Layout, int width>
struct Arithmetic<Layout, width, true> : TensorCores<Layout, width> {};
#endif
}  // namespace dlfs::tiles
