#include "dlfs/gpu/tiled_convolution.h"

#include <algorithm>

#include "dlfs/gpu/tiled_product.cuh"

namespace dlfs {
namespace {

using tiles::Epilogue;
using tiles::Product;

constexpr unsigned multiprocessors = 132;  // of a large card

constexpr int lanes = 8;  // that share the parts of one result

// 32 results a block, eight threads each: every eighth part, then the eight sums in order.
__global__ void __launch_bounds__(32 * lanes)
    add_parts(unsigned count, unsigned columns, unsigned all, int parts, const float* from, float* out,
              Epilogue with) {
  __shared__ float sums[lanes][32];
  const unsigned i = blockIdx.x * 32 + threadIdx.x;
  float sum = 0;
  if (i < all)
    for (int part = threadIdx.y; part < parts; part += lanes) sum += from[part * all + i];
  sums[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y != 0 || i >= all) return;
  for (int lane = 1; lane < lanes; ++lane) sum += sums[lane][threadIdx.x];
  if (i < count) {
    store(with, out + i, sum, i % columns);
  } else {
    float* const to = with.bias_gradient + i - count;
    *to = sum + (with.add_bias ? *to : 0);
  }
}

Product product(const ConvGraph& g) {
  const bool data = g.kind == ConvKind::data_gradient, filter = g.kind == ConvKind::filter_gradient;
  const int taps = g.w.h * g.w.w, positions = g.y.n * g.y.h * g.y.w;
  const dlfs::Shape &gathered = data ? g.y : g.x, &indexed = data ? g.x : g.y;
  return {.rows = filter ? taps * g.w.c : indexed.n * indexed.h * indexed.w,
          .columns = data ? g.x.c : g.w.n,
          .length = filter ? positions : taps * (data ? g.w.n : g.w.c),
          .images = indexed.n,
          .row_height = indexed.h,
          .row_width = indexed.w,
          .height = gathered.h,
          .width = gathered.w,
          .channels = gathered.c,
          .filter_height = g.w.h,
          .filter_width = g.w.w,
          .stride = g.stride,
          .pad = g.pad,
          .dilation = g.dilation,
          .parts = 1,
          .inner = Divisor(data ? g.w.n : g.w.c),
          .out_width = Divisor(g.y.w),
          .out_height = Divisor(g.y.h)};
}

// The blocks that fill the card.
unsigned wanted_blocks(const ConvGraph& g) { return (g.tf32 ? 4 : 3) * multiprocessors; }

tiles::Shape shape_of(const ConvGraph& g, const Product& of, int rows) {
  tiles::Shape shape{g.kind, 1, 4, of.columns <= 24 ? 24 : 64};
  if (of.channels % 4 == 0)
    shape.vector = 4;
  else if (of.channels % 2 == 0 && g.kind == ConvKind::data_gradient)
    shape.vector = 2;
  const auto blocks = [&] {
    return blocks_for(rows, 32 * shape.row_warps) * blocks_for(of.columns, shape.width);
  };
  if (shape.width == 24) shape.row_warps = 2;
  while (shape.row_warps > 1 && (rows <= 16 * shape.row_warps || blocks() < wanted_blocks(g) / 2))
    shape.row_warps /= 2;
  return shape;
}

class Tiled : public ConvEngine {
 public:
  Tiled(const ConvGraph& graph, const TiledSettings& settings)
      : graph_(graph), settings_(settings), of_(product(graph)) {
    const bool bias_row = graph.bias && graph.kind == ConvKind::filter_gradient;
    const int rows = of_.rows + (bias_row ? 1 : 0);
    shape_ = shape_of(graph, of_, rows);
    const int depth = 32;
    const unsigned tiles = blocks_for(rows, 32 * shape_.row_warps) * blocks_for(of_.columns, shape_.width);
    const int most = std::max(1, of_.length / (2 * depth));
    of_.parts = std::clamp(static_cast<int>(wanted_blocks(graph) / tiles), 1, most);
    results_ = int64_t{rows} * of_.columns;
    if (graph.tf32)
      tiles::prepare<true>(shape_);
    else
      tiles::prepare<false>(shape_);
  }

  size_t workspace() const override { return of_.parts == 1 ? 0 : sizeof(float) * of_.parts * results_; }
  const std::string& name() const override { return name_; }

  void run(Stream stream, const ConvPointers& at, void* workspace) override {
    const bool forward = graph_.kind == ConvKind::forward, data = graph_.kind == ConvKind::data_gradient;
    auto *x = static_cast<float*>(at.x), *w = static_cast<float*>(at.w), *y = static_cast<float*>(at.y);
    auto* bias = graph_.bias ? static_cast<float*>(at.bias) : nullptr;
    const tiles::Launch launch{.of = of_,
                               .a = data ? y : x,
                               .b = forward || data ? w : y,
                               .out = forward ? y
                                      : data  ? x
                                              : w,
                               .parts = of_.parts == 1 ? nullptr : static_cast<float*>(workspace),
                               .with = {forward ? bias : nullptr, forward ? nullptr : bias, graph_.relu,
                                        graph_.accumulate, settings_.add_bias},
                               .stream = static_cast<cudaStream_t>(stream.native)};
    if (graph_.tf32)
      tiles::launch<true>(shape_, launch);
    else
      tiles::launch<false>(shape_, launch);
    if (of_.parts == 1) return;
    add_parts<<<blocks_for(results_, 32), dim3(32, lanes), 0, launch.stream>>>(
        of_.rows * of_.columns, of_.columns, results_, of_.parts, launch.parts, launch.out, launch.with);
    check_launch("tiled convolution's parts");
  }

 private:
  ConvGraph graph_;
  TiledSettings settings_;
  Product of_;
  tiles::Shape shape_{};
  int64_t results_ = 0;
  std::string name_ = "own tiles";
};

}  // namespace

std::unique_ptr<ConvEngine> tiled_convolution(const ConvGraph& graph, const TiledSettings& settings) {
  return std::make_unique<Tiled>(graph, settings);
}

}  // namespace dlfs
