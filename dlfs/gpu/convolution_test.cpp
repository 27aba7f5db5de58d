// The two ways to compute a convolution on a card, cuDNN's engines and our own kernels, against sums in double here.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>
#include <limits>

#include "dlfs/base/error.h"
#include "dlfs/gpu/direct_convolution.h"
#include "dlfs/gpu/gpu_device.h"
#include "dlfs/gpu/stem_convolution.h"
#include "dlfs/gpu/tiled_convolution.h"
#include "dlfs/testing/devices.h"
#include "dlfs/testing/on_device.h"
#include "dlfs/testing/op_checks.h"

namespace dlfs::testing {
namespace {

struct Tensors {
  Numbers x, w, y, bias;
};

// Calls visit(index in x, index in w, index in y) for every product of the convolution.
template <typename Visit>
void each_product(const ConvGraph& g, Visit visit) {
  const int filters = g.w.n / g.groups;
  for (int n = 0; n < g.y.n; ++n)
    for (int row = 0; row < g.y.h; ++row)
      for (int column = 0; column < g.y.w; ++column)
        for (int k = 0; k < g.y.c; ++k)
          for (int r = 0; r < g.w.h; ++r)
            for (int s = 0; s < g.w.w; ++s)
              for (int c = 0; c < g.w.c; ++c) {
                const int h = row * g.stride - g.pad + r * g.dilation;
                const int l = column * g.stride - g.pad + s * g.dilation;
                if (h < 0 || h >= g.x.h || l < 0 || l >= g.x.w) continue;
                visit(((n * g.x.h + h) * g.x.w + l) * g.x.c + k / filters * g.w.c + c,
                      ((k * g.w.h + r) * g.w.w + s) * g.w.c + c,
                      ((n * g.y.h + row) * g.y.w + column) * g.y.c + k);
              }
}

Numbers wanted(const ConvGraph& g, const Tensors& in) {
  if (g.kind == ConvKind::data_gradient) {
    Numbers x = g.accumulate ? in.x : Numbers(in.x.size());
    each_product(g, [&](int at_x, int at_w, int at_y) { x[at_x] += in.w[at_w] * in.y[at_y]; });
    return x;
  }
  if (g.kind == ConvKind::filter_gradient) {
    Numbers w = g.accumulate ? in.w : Numbers(in.w.size());
    each_product(g, [&](int at_x, int at_w, int at_y) { w[at_w] += in.x[at_x] * in.y[at_y]; });
    return w;
  }
  Numbers y(in.y.size());
  for (size_t i = 0; i < y.size(); ++i) y[i] = g.bias ? in.bias[i % g.y.c] : 0;
  each_product(g, [&](int at_x, int at_w, int at_y) { y[at_y] += in.x[at_x] * in.w[at_w]; });
  return y;
}

class OnCard {
 public:
  explicit OnCard(Device& device) : device_(device) {}

  Numbers bias;  // after the last run

  // What the engine leaves in the tensor that its kind writes.
  Numbers run(ConvEngine& engine, const ConvGraph& g, const Tensors& in) {
    OnDevice on(device_);
    const Tensor x = on.put(in.x, g.dtype), w = on.put(in.w, g.dtype), y = on.put(in.y, g.dtype),
                 the_bias = on.put(in.bias, g.dtype);
    const MemoryPtr workspace = device_.allocate(engine.workspace());
    engine.run(device_.stream(), {.x = x.data, .w = w.data, .y = y.data, .bias = the_bias.data},
               workspace->data());
    Numbers result = on.get(g.kind == ConvKind::forward ? y : g.kind == ConvKind::data_gradient ? x : w);
    bias = on.get(the_bias);
    return result;
  }

 private:
  Device& device_;
};

Tensors tensors_of(const ConvGraph& g) {
  const auto filled = [&](const char* key, const Shape& shape) {
    return rounded(random_numbers(key, shape.count(), -1, 1), g.dtype);
  };
  return {filled("x", g.x), filled("w", g.w), filled("y", g.y), filled("bias", {1, 1, 1, g.y.c})};
}

ConvGraph graph_of(const Shape& x, const Shape& w, int stride, int pad, int dilation, int groups) {
  ConvGraph g;
  const auto outputs = [&](int size, int filter) {
    return (size + 2 * pad - dilation * (filter - 1) - 1) / stride + 1;
  };
  g.x = x;
  g.w = w;
  g.y = {x.n, outputs(x.h, w.h), outputs(x.w, w.w), w.n};
  g.stride = stride;
  g.pad = pad;
  g.dilation = dilation;
  g.groups = groups;
  return g;
}

std::vector<ConvGraph> graphs() {
  return {graph_of({2, 28, 28, 1}, {20, 5, 5, 1}, 1, 0, 1, 1),
          graph_of({2, 12, 12, 20}, {50, 5, 5, 20}, 1, 0, 1, 1),
          graph_of({16, 1, 1, 800}, {500, 1, 1, 800}, 1, 0, 1, 1),
          graph_of({2, 9, 7, 5}, {6, 3, 2, 5}, 2, 1, 1, 1),
          graph_of({2, 9, 7, 6}, {4, 3, 3, 3}, 1, 2, 2, 2),
          graph_of({2, 9, 7, 6}, {6, 3, 3, 1}, 3, 1, 1, 6),
          graph_of({1, 4, 4, 2}, {3, 2, 2, 2}, 1, 3, 1, 1),
          graph_of({40, 6, 5, 8}, {12, 3, 3, 8}, 1, 1, 1, 1),
          graph_of({70, 5, 6, 4}, {70, 3, 3, 4}, 2, 1, 1, 1),
          graph_of({3, 11, 13, 6}, {10, 3, 2, 6}, 1, 2, 3, 1)};
}

// Of these only the large tiles make the work: rows of each kind by the hundred.
std::vector<ConvGraph> large_graphs() {
  ConvGraph forward = graph_of({2, 130, 130, 4}, {32, 3, 3, 4}, 1, 1, 1, 1);
  ConvGraph data = graph_of({2, 130, 130, 28}, {4, 3, 3, 28}, 1, 1, 1, 1);
  ConvGraph filter = graph_of({8, 1, 1, 2112}, {1024, 1, 1, 2112}, 1, 0, 1, 1);
  data.kind = ConvKind::data_gradient;
  filter.kind = ConvKind::filter_gradient;
  return {forward, data, filter};
}

// The gradient of the bias: every channel's sum over all positions.
Numbers wanted_bias(const ConvGraph& g, const Tensors& in, bool add) {
  Numbers sums = add ? in.bias : Numbers(in.bias.size());
  for (size_t i = 0; i < in.y.size(); ++i) sums[i % g.y.c] += in.y[i];
  return sums;
}

// Microseconds of one run: the median of several recordings.
double time_of(Device& device, ConvEngine& engine, const ConvGraph& g) {
  const auto memory = [&](const Shape& shape) {
    MemoryPtr made = device.allocate(shape.count() * sizeof(float));
    const Numbers numbers = random_numbers("speed", shape.count(), -1, 1);
    const std::vector<float> floats(numbers.begin(), numbers.end());
    device.upload({{shape}, made->data()}, floats.data(), device.stream());
    return made;
  };
  const MemoryPtr x = memory(g.x), w = memory(g.w), y = memory(g.y), bias = memory({1, 1, 1, g.y.c}),
                  workspace = device.allocate(engine.workspace());
  constexpr int repeats = 20;
  const KernelPtr recording = device.record([&](Stream stream) {
    for (int i = 0; i < repeats; ++i)
      engine.run(stream, {.x = x->data(), .w = w->data(), .y = y->data(), .bias = bias->data()},
                 workspace->data());
  });
  std::vector<double> times;
  for (int i = 0; i < 7; ++i) {
    const auto start = std::chrono::steady_clock::now();
    recording->run(device.stream());
    device.synchronize(device.stream());
    times.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() /
                    repeats);
  }
  std::nth_element(times.begin(), times.begin() + 3, times.end());
  return times[3] * 1e6;
}

constexpr double tolerance = 2e-6, tf32_tolerance = 1e-3;  // tf32 rounds each factor by up to 2^-11

void expect_right(OnCard& card, ConvEngine& engine, const ConvGraph& g, const Tensors& in,
                  const Numbers& right, double allowed) {
  const Numbers found = card.run(engine, g, in);
  const double error = relative_error(found, right);
  std::cout << to_string(g.x) << " " << to_string(g.w) << " kind " << static_cast<int>(g.kind)
            << (g.tf32 ? " tf32" : "") << (g.bias || g.accumulate ? " with more: " : ": ") << engine.name()
            << " error " << error << "\n";
  EXPECT_LE(error, allowed);
  EXPECT_EQ(found, card.run(engine, g, in)) << "other bits on a second run";
}

}  // namespace

TEST(GpuConvolution, CudnnAndOurKernelsEqualSumsInDouble) {
  DLFS_NEEDS_GPU(device);
  OnCard card(*device);
  for (ConvGraph g : graphs())
    for (const ConvKind kind : {ConvKind::forward, ConvKind::data_gradient, ConvKind::filter_gradient})
      for (const bool more : {false, true}) {  // a bias, or added to what is there
        g.kind = kind;
        g.bias = more && kind == ConvKind::forward;
        g.accumulate = more && kind != ConvKind::forward;
        const Tensors in = tensors_of(g);
        const Numbers right = wanted(g, in);
        const auto theirs = gpu(*device).cudnn().engine(g);
        const auto ours = g.bias ? nullptr : direct_convolution(g);
        const auto tiles = g.groups == 1 ? tiled_convolution(g) : nullptr;
        for (ConvEngine* engine : {theirs.get(), ours.get(), tiles.get()})
          if (engine != nullptr) expect_right(card, *engine, g, in, right, tolerance);
        g.tf32 = true;
        if (g.groups == 1) expect_right(card, *tiled_convolution(g), g, in, right, tf32_tolerance);
        g.tf32 = false;
      }
}

// Rounded once, whatever is added to.
TEST(GpuConvolution, CudnnAndOursIn16BitsEqualSumsInDouble) {
  DLFS_NEEDS_GPU(device);
  OnCard card(*device);
  for (const DType dtype : {DType::f16, DType::bf16})
    for (ConvGraph g : graphs())
      for (const ConvKind kind : {ConvKind::forward, ConvKind::data_gradient, ConvKind::filter_gradient})
        for (const bool more : {false, true}) {
          g.kind = kind;
          g.dtype = dtype;
          g.bias = more && kind == ConvKind::forward;
          g.accumulate = more && kind != ConvKind::forward;
          const Tensors in = tensors_of(g);
          const Numbers right = wanted(g, in);
          const auto theirs = gpu(*device).cudnn().engine(g);
          const auto ours = g.bias ? nullptr : direct_convolution(g);
          for (ConvEngine* engine : {theirs.get(), ours.get()})
            if (engine != nullptr)
              expect_right(card, *engine, g, in, right,
                           tolerance + (g.bias || g.accumulate ? 2 : 1) * rounding_of(dtype));
        }
}

// More units than warps, fewer, and rows that end within a quad.
TEST(GpuStemConvolution, EqualsSumsInDouble) {
  DLFS_NEEDS_GPU(device);
  OnCard card(*device);
  for (const int filters : {64, 16})
    for (const Shape& x : {Shape{40, 32, 32, 8}, Shape{3, 28, 28, 8}, Shape{2, 9, 21, 8}, Shape{1, 1, 2, 8}})
      for (const DType dtype : {DType::f16, DType::bf16})
        for (const ConvKind kind : {ConvKind::forward, ConvKind::filter_gradient})
          for (const bool add : {false, true}) {
            ConvGraph g = graph_of(x, {filters, 3, 3, 8}, 1, 1, 1, 1);
            g.kind = kind;
            g.dtype = dtype;
            g.accumulate = add && kind == ConvKind::filter_gradient;
            const auto engine = stem_convolution(g);
            if (!engine) GTEST_SKIP() << "the card is older than sm_80";
            const Tensors in = tensors_of(g);
            expect_right(card, *engine, g, in, wanted(g, in), tolerance + rounding_of(dtype));
          }
}

TEST(GpuStemConvolution, LeavesTheRestToOthers) {
  const auto serves = [](const auto& change) {
    ConvGraph g = graph_of({2, 8, 8, 8}, {64, 3, 3, 8}, 1, 1, 1, 1);
    g.dtype = DType::f16;
    change(g);
    return stem_convolution(g) != nullptr;
  };
  EXPECT_FALSE(serves([](ConvGraph& g) { g.kind = ConvKind::data_gradient; }));
  EXPECT_FALSE(serves([](ConvGraph& g) { g.dtype = DType::f32; }));
  EXPECT_FALSE(serves([](ConvGraph& g) { g.w.n = g.y.c = 32; }));
  EXPECT_FALSE(serves([](ConvGraph& g) { g.stride = 2; }));
  EXPECT_FALSE(serves([](ConvGraph& g) { g.bias = true; }));
  EXPECT_FALSE(serves([](ConvGraph& g) { g.sums = true; }));
}

TEST(GpuConvolution, LargeTilesEqualSumsInDouble) {
  DLFS_NEEDS_GPU(device);
  OnCard card(*device);
  for (ConvGraph g : large_graphs()) {
    const Tensors in = tensors_of(g);
    const Numbers right = wanted(g, in);
    expect_right(card, *tiled_convolution(g), g, in, right, tolerance);
    g.tf32 = true;
    expect_right(card, *tiled_convolution(g), g, in, right, tf32_tolerance);
  }
}

TEST(GpuConvolution, TilesMakeTheGradientOfTheBiasToo) {
  DLFS_NEEDS_GPU(device);
  OnCard card(*device);
  for (ConvGraph g : graphs())
    for (const bool add : {false, true}) {
      if (g.groups != 1) continue;
      g.kind = ConvKind::filter_gradient;
      const Tensors in = tensors_of(g);
      const Numbers right = wanted(g, in);
      g.bias = true;
      const auto engine = tiled_convolution(g, {.add_bias = add});
      expect_right(card, *engine, g, in, right, tolerance);
      EXPECT_LE(relative_error(card.bias, wanted_bias(g, in, add)), tolerance);
    }
}

// What tiles_win in ops/convolution_gpu.cpp rests on: microseconds of cuDNN's first engine that is allowed, and ours.
TEST(GpuSpeed, TilesAgainstCudnn) {
  DLFS_NEEDS_GPU(device);
  struct Named {
    const char* name;
    ConvGraph graph;
  };
  for (const int n : {64, 256})
    for (const auto& [name, graph] : std::vector<Named>{
             {"conv1 5x5 1>20 @28", graph_of({n, 28, 28, 1}, {20, 5, 5, 1}, 1, 0, 1, 1)},
             {"conv2 5x5 20>50 @12", graph_of({n, 12, 12, 20}, {50, 5, 5, 20}, 1, 0, 1, 1)},
             {"fc1 800>500", graph_of({n, 1, 1, 800}, {500, 1, 1, 800}, 1, 0, 1, 1)},
             {"fc2 500>10", graph_of({n, 1, 1, 500}, {10, 1, 1, 500}, 1, 0, 1, 1)},
             {"7x7/2 3>64 @224, n/8", graph_of({n / 8, 224, 224, 3}, {64, 7, 7, 3}, 2, 3, 1, 1)},
             {"3x3 64>64 @56, n/8", graph_of({n / 8, 56, 56, 64}, {64, 3, 3, 64}, 1, 1, 1, 1)},
             {"3x3/2 128>128 @56, n/8", graph_of({n / 8, 56, 56, 128}, {128, 3, 3, 128}, 2, 1, 1, 1)},
             {"3x3 512>512 @7, n/8", graph_of({n / 8, 7, 7, 512}, {512, 3, 3, 512}, 1, 1, 1, 1)},
             {"1x1 256>64 @56, n/8", graph_of({n / 8, 56, 56, 256}, {64, 1, 1, 256}, 1, 0, 1, 1)},
             {"1x1 512>2048 @7, n/8", graph_of({n / 8, 7, 7, 512}, {2048, 1, 1, 512}, 1, 0, 1, 1)}})
      for (const ConvKind kind : {ConvKind::forward, ConvKind::data_gradient, ConvKind::filter_gradient}) {
        std::string line =
            concat("  tiles n=", n, " ", name, " kind ", static_cast<int>(kind), ": cuDNN / tiles");
        for (const bool tf32 : {false, true}) {
          ConvGraph g = graph;
          g.kind = kind;
          g.tf32 = tf32;
          const auto theirs = gpu(*device).cudnn().engine(g);
          const auto ours = tiled_convolution(g);
          line +=
              concat(tf32 ? ", tf32 " : ", f32 ", theirs ? fixed(time_of(*device, *theirs, g), 1) : "none",
                     " / ", fixed(time_of(*device, *ours, g), 1), theirs ? " (" + theirs->name() + ")" : "");
        }
        std::cout << line << "\n";
      }
}

}  // namespace dlfs::testing
