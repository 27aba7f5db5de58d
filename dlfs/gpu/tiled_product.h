// The kernel behind tiled_convolution, for .cu files alone: two of them instantiate it, for plain f32 and for Tensor Cores.
//
//   out [rows, columns] = sum over `length` of a [rows, length] * b [columns, length]
//
//   forward          rows: positions of y      columns: filters      length: (r, s, c) of x     a: x      b: w
//   data_gradient    rows: positions of x      columns: channels     length: (r, s, k) of d_y   a: d_y    b: w
//   filter_gradient  rows: (r, s, c)           columns: filters      length: positions of y     a: x      b: d_y
//
// Positions that index rows are counted by pixel first and by image last, so that the rows of one tile see the same
// part of the filter and the rest of it is not multiplied at all.
#pragma once

#include "dlfs/gpu/divisor.h"
#include "dlfs/gpu/launch.h"
#include "dlfs/gpu/tiled_convolution.h"

namespace dlfs::tiles {

constexpr int threads = 128, stages = 3;

struct Product {
  int rows, columns, length;    // rows: without the one that makes the gradient of the bias
  int images;                   // in a row's position
  int row_height, row_width;    // of the map whose positions index rows
  int height, width, channels;  // of the image that is gathered
  int filter_height, filter_width;
  int stride, pad, dilation;
  int parts;                      // that the length is cut into
  Divisor inner;                  // of a length (r, s, inner)
  Divisor out_width, out_height;  // of a length of positions
};

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

// Half of an index into the gathered image: one from the row and one from the length add up to a pixel and a channel.
// In data_gradient the pixel is one of d_y, which only every stride-th row and column of x meets. `flat` halves add up to
// the index itself, where nothing lies outside the image.
struct Point {
  int h, w, offset, flat;
};
constexpr int nowhere = -(1 << 28);  // added to any h: outside the image

inline __device__ Point point_at(const Product& of, int h, int w, int offset) {
  return {h, w, offset, offset + (h * of.width + w) * of.channels};
}

template <ConvKind kind>
__device__ int gathered(const Product& of, const Point& a, const Point& b) {
  int h = a.h + b.h, w = a.w + b.w;
  if (kind == ConvKind::data_gradient && of.stride != 1) {
    if (h % of.stride != 0 || w % of.stride != 0) return -1;
    h /= of.stride;  // a negative one stays out of range
    w /= of.stride;
  }
  if (static_cast<unsigned>(h) >= static_cast<unsigned>(of.height) ||
      static_cast<unsigned>(w) >= static_cast<unsigned>(of.width))
    return -1;
  return a.offset + b.offset + (h * of.width + w) * of.channels;
}

// A row of a tile, taken apart; `out`: where its results begin, -1 for a row beyond the end, which reads what another row
// reads: in filter_gradient one that begins a vector, else one of the same tile.
struct Row {
  Point point;
  int out;
};

template <ConvKind kind>
__device__ Row row_of(const Product& of, unsigned index) {
  const bool inside = index < static_cast<unsigned>(of.rows);
  const unsigned row = inside ? index : kind == ConvKind::filter_gradient ? 0 : of.rows - 1;
  Row made;
  if (kind == ConvKind::filter_gradient) {
    const int c = row % of.channels, tap = row / of.channels;
    const int s = tap % of.filter_width, r = tap / of.filter_width;
    made.point = point_at(of, r * of.dilation - of.pad, s * of.dilation - of.pad, c);
    made.out = row;
  } else {
    const int n = row % of.images, pixel = row / of.images;
    const int h = pixel / of.row_width, w = pixel % of.row_width,
              image = n * of.height * of.width * of.channels;
    made.point = kind == ConvKind::forward
                     ? point_at(of, h * of.stride - of.pad, w * of.stride - of.pad, image)
                     : point_at(of, h + of.pad, w + of.pad, image);
    made.out = ((n * of.row_height + h) * of.row_width + w) * of.columns;
  }
  if (!inside) {
    made.point.h = nowhere;
    made.out = -1;
  }
  return made;
}

// The part of the filter that a tile's rows can meet: `height` x `width` taps from (r, s) on. Its length is counted over
// these alone. Where `whole`, every row meets every one of them.
struct Taps {
  int r, s, height, width;
  bool whole;
};

// Along one axis, for positions low to high of the rows: the first tap, the number of taps, and whether all meet all.
template <ConvKind kind>
__device__ bool taps_along(const Product& of, int low, int high, int extent, int taps, int& first,
                           int& count) {
  const int span = (extent - 1) * (kind == ConvKind::data_gradient ? of.stride : 1);
  // In steps of the dilation, for the first and for the last position: the taps that stay inside.
  int low_from, low_to, high_from, high_to;
  if (kind == ConvKind::forward) {
    low_from = of.pad - low * of.stride;
    high_from = of.pad - high * of.stride;
    low_to = low_from + span;
    high_to = high_from + span;
  } else {
    low_to = low + of.pad;
    high_to = high + of.pad;
    low_from = low_to - span;
    high_from = high_to - span;
  }
  const int from = min(low_from, high_from), to = max(low_to, high_to);
  first = from <= 0 ? 0 : (from + of.dilation - 1) / of.dilation;
  const int last = to < 0 ? -1 : min(to / of.dilation, taps - 1);
  count = max(0, last - first + 1);
  return first * of.dilation >= max(low_from, high_from) && last * of.dilation <= min(low_to, high_to);
}

template <ConvKind kind>
__device__ Taps taps_of(const Product& of, unsigned first_row, unsigned rows) {
  Taps made{0, 0, of.filter_height, of.filter_width, of.pad == 0};
  if (kind == ConvKind::filter_gradient) return made;
  const int first = first_row / of.images, last = min(first_row + rows, of.rows) - 1;
  const int end = last / of.images, top = first / of.row_width, bottom = end / of.row_width;
  const int left = top == bottom ? first % of.row_width : 0;
  const int right = top == bottom ? end % of.row_width : of.row_width - 1;
  const bool upright = taps_along<kind>(of, top, bottom, of.height, of.filter_height, made.r, made.height);
  const bool across = taps_along<kind>(of, left, right, of.width, of.filter_width, made.s, made.width);
  made.whole = upright && across && (kind == ConvKind::forward || of.stride == 1);
  return made;
}

// An element of the length, taken apart: its share of the gathered index, and where b's element lies without the column.
struct Along {
  Point point;
  int b;
};

template <ConvKind kind>
__device__ Along along(const Product& of, const Taps& taps, unsigned i) {
  if (kind == ConvKind::filter_gradient) {
    unsigned row, column;
    const unsigned n = of.out_height.split(of.out_width.split(i, column), row);
    const int image = n * of.height * of.width * of.channels;
    return {point_at(of, row * of.stride, column * of.stride, image), static_cast<int>(i) * of.columns};
  }
  unsigned inner;
  const unsigned tap = of.inner.split(i, inner), line = tap / max(taps.width, 1);
  const int r = taps.r + line, s = taps.s + tap - line * taps.width, in_filter = r * of.filter_width + s;
  const int c = inner;
  if (kind == ConvKind::forward)
    return {point_at(of, r * of.dilation, s * of.dilation, c), in_filter * of.channels + c};
  return {point_at(of, -r * of.dilation, -s * of.dilation, c),
          (c * of.filter_height * of.filter_width + in_filter) * of.columns};
}

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
  if (parts != nullptr) parts += blockIdx.z * all;
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
  const unsigned away = (blockIdx.x + 1) / 2, middle = gridDim.x / 2;
  const unsigned first_row = (blockIdx.x % 2 == 0 ? middle + away : middle - away) * Here::height;
  const unsigned first_column = blockIdx.y * width;
  const Taps taps = taps_of<kind>(of, first_row, Here::height);
  const unsigned length =
      kind == ConvKind::filter_gradient ? of.length : taps.height * taps.width * of.inner.by;
  const unsigned slices = (length + Here::depth - 1) / Here::depth,
                 share = (slices + of.parts - 1) / of.parts;
  const unsigned begin = blockIdx.z * share * Here::depth, end = min(length, begin + share * Here::depth);
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

// Lets the kernel use the shared memory that it needs; once before it is launched.
template <bool tensor_cores>
void prepare(const Shape& shape) {
  with_kernel<tensor_cores>(shape, [](auto kernel, size_t bytes) {
    cuda_check(
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes)),
        "cudaFuncSetAttribute");
  });
}

template <bool tensor_cores>
void launch(const Shape& shape, const Launch& what) {
  const int rows = what.of.rows + (what.with.bias_gradient != nullptr ? 1 : 0);
  const dim3 grid(blocks_for(rows, 32 * shape.row_warps), blocks_for(what.of.columns, shape.width),
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
