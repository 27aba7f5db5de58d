#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "dlfs/gpu/direct_convolution.h"
#include "dlfs/gpu/launch.h"

namespace dlfs {
namespace {

constexpr int threads = 256;

template <typename T>
__device__ float as_float(T value) {
  return static_cast<float>(value);
}

__device__ unsigned count(const Shape& of) { return of.n * of.h * of.w * of.c; }

// One number of y a thread.
template <typename T>
__global__ void forward(ConvGraph g, const T* x, const T* w, T* y) {
  const unsigned i = blockIdx.x * threads + threadIdx.x;
  if (i >= count(g.y)) return;
  const int k = i % g.y.c, column = i / g.y.c % g.y.w, row = i / g.y.c / g.y.w % g.y.h,
            n = i / g.y.c / g.y.w / g.y.h;
  const int first = k / (g.w.n / g.groups) * g.w.c;  // channel of k's group
  float sum = 0;
  for (int r = 0; r < g.w.h; ++r) {
    const int h = row * g.stride - g.pad + r * g.dilation;
    if (h < 0 || h >= g.x.h) continue;
    for (int s = 0; s < g.w.w; ++s) {
      const int l = column * g.stride - g.pad + s * g.dilation;
      if (l < 0 || l >= g.x.w) continue;
      const T* from = x + ((n * g.x.h + h) * g.x.w + l) * g.x.c + first;
      const T* filter = w + ((k * g.w.h + r) * g.w.w + s) * g.w.c;
      for (int c = 0; c < g.w.c; ++c) sum = fmaf(as_float(from[c]), as_float(filter[c]), sum);
    }
  }
  y[i] = static_cast<T>(sum);
}

// The output row or column that reads `at` through filter row or column `r`, or -1.
__device__ int output_of(int at, int r, int outputs, const ConvGraph& g) {
  const int corner = at + g.pad - r * g.dilation;
  return corner < 0 || corner % g.stride != 0 || corner / g.stride >= outputs ? -1 : corner / g.stride;
}

// One number of d_x a thread.
template <typename T>
__global__ void data_gradient(ConvGraph g, const T* d_y, const T* w, T* d_x) {
  const unsigned i = blockIdx.x * threads + threadIdx.x;
  if (i >= count(g.x)) return;
  const int c = i % g.x.c, l = i / g.x.c % g.x.w, h = i / g.x.c / g.x.w % g.x.h,
            n = i / g.x.c / g.x.w / g.x.h;
  const int filters = g.w.n / g.groups, first = c / g.w.c * filters;  // filters of c's group
  float sum = 0;
  for (int r = 0; r < g.w.h; ++r) {
    const int row = output_of(h, r, g.y.h, g);
    if (row < 0) continue;
    for (int s = 0; s < g.w.w; ++s) {
      const int column = output_of(l, s, g.y.w, g);
      if (column < 0) continue;
      const T* from = d_y + ((n * g.y.h + row) * g.y.w + column) * g.y.c;
      for (int k = first; k < first + filters; ++k)
        sum = fmaf(as_float(from[k]), as_float(w[((k * g.w.h + r) * g.w.w + s) * g.w.c + c % g.w.c]), sum);
    }
  }
  d_x[i] = static_cast<T>(g.accumulate ? as_float(d_x[i]) + sum : sum);
}

// One number of d_w a warp: each lane takes every 32nd position of d_y.
template <typename T>
__global__ void filter_gradient(ConvGraph g, const T* x, const T* d_y, T* d_w) {
  const unsigned i = blockIdx.x * (threads / 32) + threadIdx.x / 32, lane = threadIdx.x % 32;
  if (i >= count(g.w)) return;
  const int c = i % g.w.c, s = i / g.w.c % g.w.w, r = i / g.w.c / g.w.w % g.w.h,
            k = i / g.w.c / g.w.w / g.w.h;
  const int channel = k / (g.w.n / g.groups) * g.w.c + c;
  const unsigned positions = g.y.n * g.y.h * g.y.w;
  float sum = 0;
  for (unsigned p = lane; p < positions; p += 32) {
    const int column = p % g.y.w, row = p / g.y.w % g.y.h, n = p / g.y.w / g.y.h;
    const int h = row * g.stride - g.pad + r * g.dilation, l = column * g.stride - g.pad + s * g.dilation;
    if (h < 0 || h >= g.x.h || l < 0 || l >= g.x.w) continue;
    sum =
        fmaf(as_float(x[((n * g.x.h + h) * g.x.w + l) * g.x.c + channel]), as_float(d_y[p * g.y.c + k]), sum);
  }
  for (int distance = 16; distance > 0; distance /= 2) sum += __shfl_down_sync(~0U, sum, distance);
  if (lane == 0) d_w[i] = static_cast<T>(g.accumulate ? as_float(d_w[i]) + sum : sum);
}

class Direct : public ConvEngine {
 public:
  explicit Direct(const ConvGraph& graph) : graph_(graph) {}
  size_t workspace() const override { return 0; }
  const std::string& name() const override { return name_; }

  void run(Stream stream, const ConvPointers& at, void*) override {
    const auto in = static_cast<cudaStream_t>(stream.native);
    if (graph_.dtype == DType::f16)
      launch<__half>(in, at);
    else if (graph_.dtype == DType::bf16)
      launch<__nv_bfloat16>(in, at);
    else
      launch<float>(in, at);
    check_launch("direct convolution");
  }

 private:
  template <typename T>
  void launch(cudaStream_t in, const ConvPointers& at) const {
    auto *x = static_cast<T*>(at.x), *w = static_cast<T*>(at.w), *y = static_cast<T*>(at.y);
    switch (graph_.kind) {
      case ConvKind::forward:
        forward<<<blocks_for(graph_.y.count(), threads), threads, 0, in>>>(graph_, x, w, y);
        break;
      case ConvKind::data_gradient:
        data_gradient<<<blocks_for(graph_.x.count(), threads), threads, 0, in>>>(graph_, y, w, x);
        break;
      case ConvKind::filter_gradient:
        filter_gradient<<<blocks_for(graph_.w.count(), threads / 32), threads, 0, in>>>(graph_, x, y, w);
        break;
    }
  }

  ConvGraph graph_;
  std::string name_ = "own";
};

}  // namespace

std::unique_ptr<ConvEngine> direct_convolution(const ConvGraph& graph) {
  return std::make_unique<Direct>(graph);
}

}  // namespace dlfs
