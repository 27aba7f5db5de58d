#include <algorithm>

#include "dlfs/gpu/launch.h"
#include "dlfs/gpu/tiled_convolution.h"

namespace dlfs {
namespace {

constexpr int depth = 16;           // of a tile: products that are read at a time
constexpr int wanted_blocks = 264;  // two for each multiprocessor of a large card

// n / d and n % d of 0 <= n < 2^31 by a multiplication: Granlund and Montgomery, "Division by Invariant Integers using
// Multiplication", 1994.
struct Divisor {
  unsigned value = 1, magic = 0, shift = 0;

  explicit Divisor(unsigned d) : value(d) {
    while ((uint64_t{1} << shift) < d) ++shift;
    magic = static_cast<unsigned>(((uint64_t{1} << 32) * ((uint64_t{1} << shift) - d)) / d + 1);
  }
  __device__ unsigned quotient(unsigned n) const { return (__umulhi(n, magic) + n) >> shift; }
  __device__ unsigned split(unsigned n, unsigned& rest) const {
    const unsigned q = quotient(n);
    rest = n - q * value;
    return q;
  }
};

// out [rows, columns] = sum over `length` of a [rows, length] * b [columns, length], with
//   forward          rows: positions of y      columns: filters      length: (r, s, c) of x
//   data_gradient    rows: positions of x      columns: channels     length: (r, s, k) of d_y
//   filter_gradient  rows: filters             columns: (r, s, c)    length: positions of y
struct Product {
  int rows, columns, length, part;  // part: of the length that one block takes
  int height, width, channels;      // of the image that is gathered
  int stride, pad, dilation;
  Divisor out_width, out_height;  // of the positions that index rows, or the length of filter_gradient
  Divisor filter_width, inner;    // of (r, s, inner)
  int filter_area;                // r * s of w
};

// Where in the gathered image the element (r, s, inner) of position (n, row, column) lies; -1 in the padding. In
// data_gradient the position is one of x and the image is d_y, which only every stride-th row and column meets.
template <ConvKind kind>
__device__ int gathered(const Product& of, int n, int row, int column, int r, int s, int inner) {
  int h, w;
  if (kind == ConvKind::data_gradient) {
    h = row + of.pad - r * of.dilation;
    w = column + of.pad - s * of.dilation;
    if (of.stride != 1) {
      if (h % of.stride != 0 || w % of.stride != 0) return -1;
      h /= of.stride;  // a negative one stays out of range
      w /= of.stride;
    }
  } else {
    h = row * of.stride - of.pad + r * of.dilation;
    w = column * of.stride - of.pad + s * of.dilation;
  }
  if (static_cast<unsigned>(h) >= static_cast<unsigned>(of.height) ||
      static_cast<unsigned>(w) >= static_cast<unsigned>(of.width))
    return -1;
  return ((n * of.height + h) * of.width + w) * of.channels + inner;
}

// A position counted over (n, height, width), taken apart.
struct Position {
  unsigned n, row, column;
  __device__ Position(const Product& of, unsigned i) {
    n = of.out_height.split(of.out_width.split(i, column), row);
  }
};

// An element of the length (or of filter_gradient's columns), taken apart to (r, s, inner).
struct Tap {
  unsigned r, s, inner;
  __device__ Tap(const Product& of, unsigned i) { r = of.filter_width.split(of.inner.split(i, inner), s); }
};

template <ConvKind kind>
__device__ float left(const Product& of, const float* a, unsigned row, unsigned i) {
  if (row >= static_cast<unsigned>(of.rows) || i >= static_cast<unsigned>(of.length)) return 0;
  if (kind == ConvKind::filter_gradient) return a[i * of.rows + row];
  const Position at(of, row);
  const Tap tap(of, i);
  const int index = gathered<kind>(of, at.n, at.row, at.column, tap.r, tap.s, tap.inner);
  return index < 0 ? 0 : a[index];
}

template <ConvKind kind>
__device__ float right(const Product& of, const float* b, unsigned column, unsigned i) {
  if (column >= static_cast<unsigned>(of.columns) || i >= static_cast<unsigned>(of.length)) return 0;
  if (kind == ConvKind::forward) return b[column * of.length + i];
  if (kind == ConvKind::data_gradient) {
    const Tap tap(of, i);  // inner is the filter
    return b[(tap.inner * of.filter_area + tap.r * of.filter_width.value + tap.s) * of.columns + column];
  }
  const Position at(of, i);
  const Tap tap(of, column);
  const int index = gathered<kind>(of, at.n, at.row, at.column, tap.r, tap.s, tap.inner);
  return index < 0 ? 0 : b[index];
}

struct Epilogue {
  const float* bias;  // [columns], or null
  bool relu, add;
};

__device__ void store(const Epilogue& with, float* to, float value, unsigned column) {
  if (with.bias != nullptr) value += with.bias[column];
  if (with.relu && value <= 0) value = 0;
  *to = with.add ? *to + value : value;
}

// One tile of `height` x `width` numbers of out a block, four by four a thread; blockIdx.z is the part of the length.
// While one slice of the tile is multiplied in shared memory the next is read into registers.
template <ConvKind kind, int height, int width>
__global__ void __launch_bounds__(height* width / 16)
    multiply(Product of, const float* a, const float* b, float* out, float* parts, Epilogue with) {
  constexpr int threads = height * width / 16, a_loads = height * depth / threads,
                b_loads = width * depth / threads;
  __shared__ float4 a_tile[2][depth][height / 4 + 1], b_tile[2][depth][width / 4 + 1];
  const unsigned first_row = blockIdx.x * height, first_column = blockIdx.y * width;
  const unsigned begin = blockIdx.z * of.part, end = min(begin + of.part, of.length);
  const int tx = threadIdx.x % (width / 4), ty = threadIdx.x / (width / 4);

  // Neighbouring threads read along what lies together in memory: the length, or rows and columns.
  constexpr bool a_along = kind != ConvKind::filter_gradient, b_along = kind == ConvKind::forward;
  const auto a_place = [&](int i, int& row, int& k) {
    const int e = threadIdx.x + i * threads;
    row = a_along ? e / depth : e % height;
    k = a_along ? e % depth : e / height;
  };
  const auto b_place = [&](int i, int& column, int& k) {
    const int e = threadIdx.x + i * threads;
    column = b_along ? e / depth : e % width;
    k = b_along ? e % depth : e / width;
  };
  float a_next[a_loads], b_next[b_loads];
  const auto read = [&](unsigned from) {
    for (int i = 0; i < a_loads; ++i) {
      int row, k;
      a_place(i, row, k);
      a_next[i] = from + k < end ? left<kind>(of, a, first_row + row, from + k) : 0;
    }
    for (int i = 0; i < b_loads; ++i) {
      int column, k;
      b_place(i, column, k);
      b_next[i] = from + k < end ? right<kind>(of, b, first_column + column, from + k) : 0;
    }
  };
  const auto write = [&](int slot) {
    for (int i = 0; i < a_loads; ++i) {
      int row, k;
      a_place(i, row, k);
      reinterpret_cast<float*>(a_tile[slot][k])[row] = a_next[i];
    }
    for (int i = 0; i < b_loads; ++i) {
      int column, k;
      b_place(i, column, k);
      reinterpret_cast<float*>(b_tile[slot][k])[column] = b_next[i];
    }
  };

  float sums[4][4] = {};
  read(begin);
  write(0);
  __syncthreads();
  int slot = 0;
  for (unsigned from = begin; from < end; from += depth, slot ^= 1) {
    const bool more = from + depth < end;
    if (more) read(from + depth);
#pragma unroll
    for (int k = 0; k < depth; ++k) {
      const float4 p = a_tile[slot][k][ty], q = b_tile[slot][k][tx];
      const float ps[4] = {p.x, p.y, p.z, p.w}, qs[4] = {q.x, q.y, q.z, q.w};
#pragma unroll
      for (int i = 0; i < 4; ++i)
#pragma unroll
        for (int j = 0; j < 4; ++j) sums[i][j] = fmaf(ps[i], qs[j], sums[i][j]);
    }
    if (more) write(slot ^ 1);
    __syncthreads();
  }

#pragma unroll
  for (int i = 0; i < 4; ++i)
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const unsigned row = first_row + 4 * ty + i, column = first_column + 4 * tx + j;
      if (row >= static_cast<unsigned>(of.rows) || column >= static_cast<unsigned>(of.columns)) continue;
      const unsigned at = row * of.columns + column;
      if (parts != nullptr)
        parts[blockIdx.z * (of.rows * of.columns) + at] = sums[i][j];
      else
        store(with, out + at, sums[i][j], column);
    }
}

__global__ void add_parts(unsigned count, unsigned columns, int parts, const float* from, float* out,
                          Epilogue with) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  float sum = 0;
  for (int part = 0; part < parts; ++part) sum += from[part * count + i];
  store(with, out + i, sum, i % columns);
}

Product product(const ConvGraph& g) {
  const bool data = g.kind == ConvKind::data_gradient, filter = g.kind == ConvKind::filter_gradient;
  const int positions = g.y.n * g.y.h * g.y.w, taps = g.w.h * g.w.w * g.w.c;
  const Shape &gathered = data ? g.y : g.x, &indexed = data ? g.x : g.y;
  return {.rows = data     ? g.x.n * g.x.h * g.x.w
                  : filter ? g.w.n
                           : positions,
          .columns = data     ? g.x.c
                     : filter ? taps
                              : g.w.n,
          .length = data     ? g.w.h * g.w.w * g.w.n
                    : filter ? positions
                             : taps,
          .part = 0,
          .height = gathered.h,
          .width = gathered.w,
          .channels = gathered.c,
          .stride = g.stride,
          .pad = g.pad,
          .dilation = g.dilation,
          .out_width = Divisor(indexed.w),
          .out_height = Divisor(indexed.h),
          .filter_width = Divisor(g.w.w),
          .inner = Divisor(data ? g.w.n : g.w.c),
          .filter_area = g.w.h * g.w.w};
}

class Tiled : public ConvEngine {
 public:
  Tiled(const ConvGraph& graph, bool relu) : graph_(graph), relu_(relu), of_(product(graph)) {
    width_ = of_.columns <= 32 ? 32 : 64;
    height_ = of_.rows <= 32 ? 32 : 64;
    const int tiles = ((of_.rows + height_ - 1) / height_) * ((of_.columns + width_ - 1) / width_);
    const int most = std::max(1, of_.length / (4 * depth));
    parts_ = std::clamp(wanted_blocks / tiles, 1, most);
    of_.part = (of_.length + parts_ - 1) / parts_;
    of_.part = (of_.part + depth - 1) / depth * depth;
    parts_ = (of_.length + of_.part - 1) / of_.part;
  }

  size_t workspace() const override {
    return parts_ == 1 ? 0 : sizeof(float) * parts_ * size_t(of_.rows) * of_.columns;
  }
  const std::string& name() const override { return name_; }

  void run(Stream stream, const ConvPointers& at, void* workspace) override {
    const auto *x = static_cast<float*>(at.x), *w = static_cast<float*>(at.w), *y = static_cast<float*>(at.y);
    switch (graph_.kind) {
      case ConvKind::forward:
        return launch<ConvKind::forward>(stream, x, w, static_cast<float*>(at.y), at, workspace);
      case ConvKind::data_gradient:
        return launch<ConvKind::data_gradient>(stream, y, w, static_cast<float*>(at.x), at, workspace);
      case ConvKind::filter_gradient:
        return launch<ConvKind::filter_gradient>(stream, y, x, static_cast<float*>(at.w), at, workspace);
    }
  }

 private:
  template <ConvKind kind>
  void launch(Stream stream, const float* a, const float* b, float* out, const ConvPointers& at,
              void* workspace) {
    const auto in = static_cast<cudaStream_t>(stream.native);
    const Epilogue with{graph_.bias ? static_cast<float*>(at.bias) : nullptr, relu_, graph_.add};
    float* parts = parts_ == 1 ? nullptr : static_cast<float*>(workspace);
    const dim3 grid(blocks_for(of_.rows, height_), blocks_for(of_.columns, width_), parts_);
    if (height_ == 64 && width_ == 64)
      multiply<kind, 64, 64><<<grid, 256, 0, in>>>(of_, a, b, out, parts, with);
    if (height_ == 64 && width_ == 32)
      multiply<kind, 64, 32><<<grid, 128, 0, in>>>(of_, a, b, out, parts, with);
    if (height_ == 32 && width_ == 64)
      multiply<kind, 32, 64><<<grid, 128, 0, in>>>(of_, a, b, out, parts, with);
    if (height_ == 32 && width_ == 32)
      multiply<kind, 32, 32><<<grid, 64, 0, in>>>(of_, a, b, out, parts, with);
    check_launch("tiled convolution");
    if (parts == nullptr) return;
    const int count = of_.rows * of_.columns;
    add_parts<<<blocks_for(count, 256), 256, 0, in>>>(count, of_.columns, parts_, parts, out, with);
    check_launch("tiled convolution's parts");
  }

  ConvGraph graph_;
  bool relu_;
  Product of_;
  int height_ = 64, width_ = 64, parts_ = 1;
  std::string name_ = "own tiles";
};

}  // namespace

std::unique_ptr<ConvEngine> tiled_convolution(const ConvGraph& graph, bool relu) {
  return std::make_unique<Tiled>(graph, relu);
}

}  // namespace dlfs
