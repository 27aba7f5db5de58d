// Our gradients by filters for the H100 against sums in double here.
#include "dlfs/gpu/hopper_filter_gradient.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "dlfs/gpu/hopper_convolution.h"
#include "dlfs/testing/devices.h"
#include "dlfs/testing/on_device.h"
#include "dlfs/testing/op_checks.h"

namespace dlfs::testing {
namespace {

constexpr Shape taps{64, 3, 3, 64}, blocks{64, 4, 4, 16};

ConvGraph graph_of(const Shape& filters, int n, int h, int w, DType dtype) {
  const int pad = filters == taps ? 1 : 0, rim = filters.h - 1 - 2 * pad;
  return {.kind = ConvKind::filter_gradient,
          .x = {n, h + rim, w + rim, filters.c},
          .w = filters,
          .y = {n, h, w, 64},
          .pad = pad,
          .dtype = dtype};
}

#define DLFS_NEEDS_HOPPER(device)                                                      \
  DLFS_NEEDS_GPU(device);                                                              \
  if (!hopper_convolution(gpu(*(device)), graph_of(taps, 1, 8, 8, DType::bf16), true)) \
  GTEST_SKIP() << "the kernel is for cards of compute capability 9.0, in builds for sm_90"

// Numbers that the type holds.
Numbers numbers_of(const char* key, const Shape& shape, DType dtype) {
  return rounded(random_numbers(key, shape.count(), -1, 1), dtype);
}

Numbers gradient(const ConvGraph& g, const Numbers& x, const Numbers& dy) {
  Numbers dw(static_cast<size_t>(g.w.count()));
  const int count = g.w.h * g.w.w;
  for (int pixel = 0; pixel < g.y.n * g.y.h * g.y.w; ++pixel)
    for (int tap = 0; tap < count; ++tap) {
      const int w = pixel % g.y.w + tap % g.w.w - g.pad, rows = pixel / g.y.w;
      const int h = rows % g.y.h + tap / g.w.w - g.pad, n = rows / g.y.h;
      if (h < 0 || h >= g.x.h || w < 0 || w >= g.x.w) continue;
      const double* const from = x.data() + ((n * g.x.h + h) * g.x.w + w) * g.x.c;
      for (int k = 0; k < g.y.c; ++k) {
        const double by = *(dy.data() + pixel * g.y.c + k);
        double* const to = dw.data() + (k * count + tap) * g.w.c;
        for (int c = 0; c < g.w.c; ++c) to[c] += by * from[c];
      }
    }
  return dw;
}

struct Tensors {
  Numbers x, dy, dw;
};

// By a few blocks, so that each has many tiles; working memory is full of what is no number.
Numbers run(Device& device, const ConvGraph& g, const Tensors& in) {
  constexpr int processors = 3;
  OnDevice on(device);
  const Numbers poison(hopper_filter_workspace(g.w, processors) / sizeof(float), std::nan(""));
  const Tensor dw = on.put(in.dw, g.dtype);
  run_hopper_filter_gradient({.map = g.y,
                              .filters = g.w,
                              .dtype = g.dtype,
                              .add = g.accumulate,
                              .x = on.put(in.x, g.dtype).data,
                              .dy = on.put(in.dy, g.dtype).data,
                              .dw = dw.data,
                              .workspace = on.put(poison, DType::f32).data,
                              .processors = processors},
                             device.stream());
  return on.get(dw);
}

}  // namespace

TEST(GpuHopperFilterGradient, EqualsSumsInDouble) {
  DLFS_NEEDS_HOPPER(device);
  for (const DType dtype : {DType::f16, DType::bf16})
    for (ConvGraph g : {graph_of(taps, 5, 13, 21, dtype), graph_of(taps, 9, 28, 17, dtype),
                        graph_of(taps, 1, 1, 1, dtype), graph_of(blocks, 2, 30, 50, dtype),
                        graph_of(blocks, 9, 28, 17, dtype), graph_of(blocks, 1, 1, 1, dtype)}) {
      const Tensors in{numbers_of("x", g.x, dtype), numbers_of("dy", g.y, dtype),
                       numbers_of("dw", g.w, dtype)};
      Numbers right = gradient(g, in.x, in.dy);
      for (const bool accumulate : {false, true}) {
        g.accumulate = accumulate;
        if (accumulate)
          for (size_t i = 0; i < right.size(); ++i) right[i] += in.dw[i];
        const Numbers found = run(*device, g, in);
        EXPECT_LE(relative_error(found, right), 1e-5 + rounding_of(dtype)) << to_string(g);
        EXPECT_EQ(found, run(*device, g, in)) << "other bits on a second run of " << to_string(g);
      }
    }
}

TEST(GpuHopperFilterGradient, ServesWhereItPays) {
  DLFS_NEEDS_HOPPER(device);
  const auto serves = [&](const ConvGraph& g) { return hopper_convolution(gpu(*device), g) != nullptr; };
  EXPECT_TRUE(serves(graph_of(taps, 128, 32, 32, DType::bf16)));
  EXPECT_TRUE(serves(graph_of(blocks, 32, 112, 112, DType::f16)));
  EXPECT_FALSE(serves(graph_of(blocks, 1, 112, 112, DType::f16))) << "too few tiles";
  EXPECT_FALSE(serves(graph_of(blocks, 512, 8, 8, DType::f16))) << "half of each tile lies outside";
  EXPECT_FALSE(serves(graph_of(blocks, 32, 112, 112, DType::f32)));
  ConvGraph padded = graph_of(blocks, 32, 112, 112, DType::f16);
  padded.pad = 1, padded.y.h = padded.y.w = 114;
  EXPECT_FALSE(serves(padded));
}

}  // namespace dlfs::testing
