// The kernel behind tiled_convolution, for .cu files alone: two of them instantiate it, for plain f32 and for Tensor Cores.
#pragma once

#include "dlfs/gpu/launch.h"
#include "dlfs/gpu/tiled_arithmetic.cuh"

namespace dlfs::tiles {

struct Epilogue {
  const float* bias;     // [columns], or null
  float* bias_gradient;  // [columns], or null: then there is one row more
  bool relu, add, add_bias;
};

struct Launch {
  Product of;
  const float *a, *b;
  float *out, *parts;  // parts: f32 [parts][rows * columns (+ columns)], or null
  Epilogue with;
  cudaStream_t stream;
};

// Which kernel: `vector` channels are copied at once; a block makes 32 * row_warps rows and `width` columns, its four
// warps standing side by side over the rows and then over the length.
struct Shape {
  ConvKind kind;
  int vector, row_warps, width;
};

// Adds the bias or applies the ReLU while a result is stored.
inline __device__ void store(const Epilogue& with, float* to, float value, unsigned column) {
  if (with.bias != nullptr) value += with.bias[column];
  if (with.relu && value <= 0) value = 0;
  *to = with.add ? *to + value : value;
}
// Copies one stage: `depth` of the length from `from` on, zeros from `end` on. A thread keeps to one k of a, or to one row.
template <ConvKind kind, int vector, typename Layout>
struct Reader {
  const Product& of;
  const float *a, *b;
  const Row* rows;
  bool whole, bias_row;
  unsigned first_row, first_column, end;

  __device__ void read(float* stage, const Along* along, unsigned from, int width) const {
    const bool full = from + Layout::depth <= end;
    if (whole && full)
      read_a<true>(stage, along, from);
    else
      read_a<false>(stage, along, from);
    read_b(stage + Layout::a_size, along, from, width);
  }

 private:
  template <bool sure>
  __device__ void read_a_at(float* to, const Point& row, const Point& k, bool inside) const {
    int at = row.flat + k.flat;
    if (!sure && !whole) {
      at = gathered<kind>(of, row, k);
      inside &= at >= 0;
    }
    copy<vector, sure>(to, a + static_cast<unsigned>(sure || inside ? at : 0), inside);
  }

  template <bool sure>
  __device__ void read_a(float* tile, const Along* along, unsigned from) const {
    if constexpr (Layout::a_along) {
      constexpr int per_row = Layout::depth / vector;
      const int k = threadIdx.x % per_row * vector;
      const Point point = along[k].point;
#pragma unroll
      for (int i = 0; i < Layout::height * per_row / threads; ++i) {
        const int row = threadIdx.x / per_row + i * (threads / per_row);
        read_a_at<sure>(tile + Layout::a(row, k), rows[row].point, point, from + k < end);
      }
    } else {
      constexpr int per_k = Layout::height / vector;
      const int row = threadIdx.x % per_k * vector;
      const Point point = rows[row].point;
      const bool ones = bias_row && first_row + row == static_cast<unsigned>(of.rows);
#pragma unroll
      for (int i = 0; i < Layout::depth * per_k / threads; ++i) {
        const int k = threadIdx.x / per_k + i * (threads / per_k);
        float* const to = tile + Layout::a(row, k);
        if (ones)
          for (int j = 0; j < vector; ++j) to[j] = j == 0 ? 1 : 0;
        else
          read_a_at<sure>(to, point, along[k].point, from + k < end);
      }
    }
  }

  __device__ void read_b(float* tile, const Along* along, unsigned from, int width) const {
    if constexpr (Layout::b_along) {
      constexpr int per_column = Layout::depth / vector;
      const int k = threadIdx.x % per_column * vector, at = along[k].b;
#pragma unroll 2
      for (int column = threadIdx.x / per_column; column < width; column += threads / per_column) {
        const bool there = from + k < end && first_column + column < static_cast<unsigned>(of.columns);
        copy<vector, false>(tile + Layout::b(column, k),
                            b + (there ? (first_column + column) * of.length + at : 0U), there);
      }
    } else if (of.columns % 4 == 0) {
      read_b_rows<4>(tile, along, from, width);
    } else if (of.columns % 2 == 0) {
      read_b_rows<2>(tile, along, from, width);
    } else {
      read_b_rows<1>(tile, along, from, width);
    }
  }

  template <int b_vector>
  __device__ void read_b_rows(float* tile, const Along* along, unsigned from, int width) const {
    const int per_k = width / b_vector;
#pragma unroll 2
    for (int i = threadIdx.x; i < Layout::depth * per_k; i += threads) {
      const int k = i / per_k, column = i % per_k * b_vector;
      const bool there = from + k < end && first_column + column < static_cast<unsigned>(of.columns);
      copy<b_vector, false>(tile + Layout::b(column, k),
                            b + (there ? along[k].b + first_column + column : 0U), there);
    }
  }
};

// Stores a tile of results, which lies in shared memory, to out or to the block's part; neighbours write neighbours.
template <ConvKind kind, typename Layout, int width>
__device__ void store_tile(const Product& of, const Epilogue& with, const float* results, const Row* rows,
                           unsigned first_row, unsigned first_column, float* out, float* parts) {
  const unsigned count = of.rows * of.columns, all = count + (with.bias_gradient != nullptr ? of.columns : 0);
  if (parts != nullptr) parts += blockIdx.y * all;
  if constexpr (kind == ConvKind::filter_gradient) {
    const int row = threadIdx.x % Layout::height;
    const bool of_bias = with.bias_gradient != nullptr && first_row + row == static_cast<unsigned>(of.rows);
    if (rows[row].out < 0 && !of_bias) return;
    for (unsigned i = threadIdx.x / Layout::height; i < width; i += threads / Layout::height) {
      const unsigned column = first_column + i;
      if (column >= static_cast<unsigned>(of.columns)) return;
      const float value = results[row * Layout::result_stride + i];
      if (parts != nullptr)
        parts[of_bias ? count + column : column * of.rows + rows[row].out] = value;
      else if (of_bias)
        with.bias_gradient[column] = value + (with.add_bias ? with.bias_gradient[column] : 0);
      else
        store(with, out + column * of.rows + rows[row].out, value, column);
    }
  } else {
    constexpr int lanes = width <= 32 ? 32 : 64;  // of a row
    const unsigned i = threadIdx.x % lanes, column = first_column + i;
    if (i >= width || column >= static_cast<unsigned>(of.columns)) return;
    for (int row = threadIdx.x / lanes; row < Layout::height; row += threads / lanes) {
      const int begins = rows[row].out;
      if (begins < 0) return;
      const float value = results[row * Layout::result_stride + i];
      if (parts != nullptr)
        parts[begins + column] = value;
      else
        store(with, out + begins + column, value, column);
    }
  }
}

template <ConvKind kind, int vector, int row_warps, int width, bool tensor_cores>
__global__ void __launch_bounds__(threads, width != 64    ? 5
                                           : tensor_cores ? 4
                                                          : 3)
    multiply(Product of, const float* a, const float* b, float* out, float* parts, Epilogue with) {
  using Here = Layout<kind, row_warps, width>;
  using Sums = Arithmetic<Here, width, tensor_cores>;
  extern __shared__ float4 memory[];
  auto& shared = *reinterpret_cast<typename Here::Shared*>(memory);

  // From the middle outwards: tiles there meet the most taps, and the longest work should begin first.
  const unsigned tiles = (of.rows + (with.bias_gradient != nullptr) + Here::height - 1) / Here::height;
  const unsigned tile = blockIdx.x % tiles, away = (tile + 1) / 2, middle = tiles / 2;
  const unsigned first_row = (tile % 2 == 0 ? middle + away : middle - away) * Here::height;
  const unsigned first_column = blockIdx.x / tiles * width;
  const Taps taps = taps_of<kind>(of, first_row, Here::height);
  const unsigned length =
      kind == ConvKind::filter_gradient ? of.length : taps.height * taps.width * of.inner.by;
  const unsigned slices = (length + Here::depth - 1) / Here::depth,
                 share = (slices + of.parts - 1) / of.parts;
  const unsigned begin = blockIdx.y * share * Here::depth, end = min(length, begin + share * Here::depth);
  const int count = end > begin ? (end - begin + Here::depth - 1) / Here::depth : 0;
  const Reader<kind, vector, Here> reader{
      of, a, b, shared.rows, taps.whole, with.bias_gradient != nullptr, first_row, first_column, end};

  const auto take_apart = [&](int slice) {  // by another warp each time
    const unsigned i = (threadIdx.x - 32 * slice) % threads;
    if (i < Here::depth) shared.along[slice % 2][i] = along<kind>(of, taps, begin + slice * Here::depth + i);
  };
  if (threadIdx.x < Here::height) shared.rows[threadIdx.x] = row_of<kind>(of, first_row + threadIdx.x);
  take_apart(0);
  const int warp = threadIdx.x / 32, row_warp = warp % row_warps, group = warp / row_warps;
  float sums[width] = {};
#pragma unroll 1
  for (int slice = 1 - stages; slice < count; ++slice) {
    if (slice >= 0) wait_for_stage();
    __syncthreads();
    const int next = slice + stages - 1;
    if (next < count) {
      reader.read(shared.stage[next % stages], shared.along[next % 2], begin + next * Here::depth, width);
      take_apart(next + 1);
    }
    end_of_stage();
    const float* const stage = shared.stage[(slice + stages) % stages];
    if (slice >= 0) Sums::add(stage, stage + Here::a_size, 32 * row_warp, Here::slice * group, sums);
  }

  auto* const results = shared.stage[0];
#pragma unroll 1
  for (int turn = 0; turn < Here::groups; ++turn) {  // the groups' sums, in order
    __syncthreads();
    if (group != turn) continue;
#pragma unroll
    for (int i = 0; i < width; ++i) {
      float& result = results[(32 * row_warp + Sums::row(i)) * Here::result_stride + Sums::column(i)];
      result = turn == 0 ? sums[i] : result + sums[i];
    }
  }
  __syncthreads();
  store_tile<kind, Here, width>(of, with, results, shared.rows, first_row, first_column, out, parts);
}

// Calls use(kernel, bytes of shared memory) with the kernel of the shape.
template <bool tensor_cores, typename Use>
void with_kernel(const Shape& shape, Use use) {
  const auto pick = [&]<ConvKind kind, int vector, int row_warps, int width>() {
    if (shape.kind == kind && shape.vector == vector && shape.row_warps == row_warps && shape.width == width)
      use(multiply<kind, vector, row_warps, width, tensor_cores>,
          sizeof(typename Layout<kind, row_warps, width>::Shared));
  };
  const auto pick_tile = [&]<ConvKind kind, int vector>() {
    pick.template operator()<kind, vector, 4, 64>();
    pick.template operator()<kind, vector, 2, 64>();
    pick.template operator()<kind, vector, 1, 64>();
    pick.template operator()<kind, vector, 2, 24>();
    pick.template operator()<kind, vector, 1, 24>();
  };
  pick_tile.template operator()<ConvKind::forward, 1>();
  pick_tile.template operator()<ConvKind::forward, 4>();
  pick_tile.template operator()<ConvKind::data_gradient, 1>();
  pick_tile.template operator()<ConvKind::data_gradient, 2>();
  pick_tile.template operator()<ConvKind::data_gradient, 4>();
  pick_tile.template operator()<ConvKind::filter_gradient, 1>();
  pick_tile.template operator()<ConvKind::filter_gradient, 4>();
}

// Lets the kernel use the shared memory that it needs; once before it is launched. Where there is no card (its
// description alone is enough to choose kernels) nothing is to be done.
template <bool tensor_cores>
void prepare(const Shape& shape) {
  with_kernel<tensor_cores>(shape, [](auto kernel, size_t bytes) {
    const cudaError_t code =
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes));
    if (code == cudaErrorNoDevice || code == cudaErrorInsufficientDriver)
      cudaGetLastError();
    else
      cuda_check(code, "cudaFuncSetAttribute");
  });
}

template <bool tensor_cores>
void launch(const Shape& shape, const Launch& what) {
  const int rows = what.of.rows + (what.with.bias_gradient != nullptr ? 1 : 0);
  const dim3 grid(blocks_for(rows, 32 * shape.row_warps) * blocks_for(what.of.columns, shape.width),
                  what.of.parts);
  with_kernel<tensor_cores>(shape, [&](auto kernel, size_t bytes) {
    kernel<<<grid, threads, bytes, what.stream>>>(what.of, what.a, what.b, what.out, what.parts, what.with);
  });
  check_launch("tiled convolution");
}

// In tiled_f32.cu and tiled_tf32.cu.
extern template void prepare<false>(const Shape&);
extern template void prepare<true>(const Shape&);
extern template void launch<false>(const Shape&, const Launch&);
extern template void launch<true>(const Shape&, const Launch&);

}  // namespace dlfs::tiles
