// Our convolutions for the H100 against sums in double here.
#include "dlfs/gpu/hopper_convolution.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "dlfs/testing/devices.h"
#include "dlfs/testing/on_device.h"
#include "dlfs/testing/op_checks.h"

namespace dlfs::testing {
namespace {

constexpr int channels = 64;

ConvGraph graph_of(int n, int h, int w, DType dtype) {
  const Shape map{n, h, w, channels};
  return {.kind = ConvKind::forward,
          .x = map,
          .w = {channels, 3, 3, channels},
          .y = map,
          .pad = 1,
          .dtype = dtype};
}

ConvGraph stem_of(int n, int h, int w, DType dtype) {
  return {.kind = ConvKind::forward,
          .x = {n, h + 3, w + 3, 16},
          .w = hopper_stem_filters,
          .y = {n, h, w, channels},
          .dtype = dtype};
}

// A skip with a sentence where the card or the build does not have the kernel.
#define DLFS_NEEDS_HOPPER(device)                                                \
  DLFS_NEEDS_GPU(device);                                                        \
  if (!hopper_convolution(gpu(*(device)), graph_of(1, 8, 8, DType::bf16), true)) \
  GTEST_SKIP() << "the kernel is for cards of compute capability 9.0, in builds for sm_90"

struct Tensors {
  Numbers x, w, y, bias, add;
};

Tensors tensors_of(const ConvGraph& g) {
  const auto filled = [&](const char* key, int64_t count, double size) {
    return rounded(random_numbers(key, count, -size, size), g.dtype);
  };
  return {filled("x", g.x.count(), 1), filled("w", g.w.count(), 0.1), filled("y", g.y.count(), 1),
          filled("bias", channels, 1), filled("add", g.y.count(), 1)};
}

// y, or of data_gradient x, of nothing but the products.
Numbers products(const ConvGraph& g, const Tensors& in) {
  const bool forward = g.kind == ConvKind::forward;
  Numbers result(forward ? in.y.size() : in.x.size());
  const int taps = g.w.h * g.w.w;
  for (int n = 0; n < g.y.n; ++n)
    for (int h = 0; h < g.y.h; ++h)
      for (int w = 0; w < g.y.w; ++w)
        for (int tap = 0; tap < taps; ++tap) {
          const int from_h = h + tap / g.w.w - g.pad, from_w = w + tap % g.w.w - g.pad;
          if (from_h < 0 || from_h >= g.x.h || from_w < 0 || from_w >= g.x.w) continue;
          const int from = ((n * g.x.h + from_h) * g.x.w + from_w) * g.x.c;
          const int to = ((n * g.y.h + h) * g.y.w + w) * channels;
          double* const y = result.data() + (forward ? to : from);
          const double* const x = forward ? in.x.data() + from : in.y.data() + to;
          for (int k = 0; k < channels; ++k) {
            const double* const filter = in.w.data() + (k * taps + tap) * g.x.c;
            for (int c = 0; c < g.x.c; ++c)
              if (forward)
                y[k] += filter[c] * x[c];
              else
                y[c] += filter[c] * x[k];
          }
        }
  return result;
}

Numbers finished(const ConvGraph& g, const Tensors& in, Numbers result) {
  for (size_t i = 0; i < result.size(); ++i) {
    if (g.bias) result[i] += in.bias[i % channels];
    if (g.add) result[i] += in.add[i];
    if (g.accumulate) result[i] += in.x[i];
    if (g.relu && result[i] <= 0) result[i] = 0;
  }
  return result;
}

struct Found {
  Numbers result, moments;
  bool operator==(const Found&) const = default;
};

// Runs an engine on memory of its own. `recorded`: as a recording of three runs, twice.
Found run(Device& device, const ConvGraph& g, const Tensors& in, bool recorded = false) {
  OnDevice on(device);
  const auto engine = hopper_convolution(gpu(device), g, true);
  const Tensor x = on.put(in.x, g.dtype), w = on.put(in.w, g.dtype), y = on.put(in.y, g.dtype),
               bias = on.put(in.bias, g.dtype), add = on.put(in.add, g.dtype),
               moments = on.put(Numbers(2 * channels, 7.0), DType::f32);
  const MemoryPtr workspace = device.allocate(engine->workspace() + 1);
  const auto once = [&](Stream stream) {
    engine->run(
        stream,
        {.x = x.data, .w = w.data, .y = y.data, .bias = bias.data, .add = add.data, .sums = moments.data},
        workspace->data());
  };
  if (recorded) {
    const KernelPtr recording = device.record([&](Stream stream) {
      for (int i = 0; i < 3; ++i) once(stream);
    });
    for (int i = 0; i < 2; ++i) recording->run(device.stream());
  } else {
    once(device.stream());
  }
  device.synchronize(device.stream());
  return {on.get(g.kind == ConvKind::forward ? y : x), on.get(moments)};
}

// Means to f32's own steps, beside which the deviation may be small.
void expect_moments(const Found& found) {
  const size_t count = found.result.size() / channels;
  const auto pixels = static_cast<double>(count);
  for (size_t c = 0; c < channels; ++c) {
    double sum = 0, squares = 0;
    for (size_t i = c; i < found.result.size(); i += channels) sum += found.result[i];
    const double mean = sum / pixels;
    for (size_t i = c; i < found.result.size(); i += channels) squares += std::pow(found.result[i] - mean, 2);
    const double variance = squares / pixels;
    EXPECT_NEAR(found.moments[c], mean, 1e-5 * std::sqrt(variance) + 2e-7 * std::abs(mean))
        << "channel " << c;
    EXPECT_NEAR(found.moments[channels + c], variance, 3e-5 * variance) << "channel " << c;
  }
}

}  // namespace

TEST(GpuHopperConvolution, EqualsSumsInDouble) {
  DLFS_NEEDS_HOPPER(device);
  for (const DType dtype : {DType::f16, DType::bf16})
    for (ConvGraph g : {graph_of(5, 13, 21, dtype), graph_of(2, 28, 17, dtype), graph_of(40, 16, 8, dtype),
                        graph_of(1, 1, 1, dtype), stem_of(5, 13, 21, dtype), stem_of(2, 28, 17, dtype),
                        stem_of(40, 16, 8, dtype), stem_of(1, 1, 1, dtype)}) {
      const Tensors in = tensors_of(g);
      const auto check = [&](const ConvGraph& tried, const Numbers& of) {
        const Found found = run(*device, tried, in);
        EXPECT_LE(relative_error(found.result, finished(tried, in, of)), 1e-5 + rounding_of(dtype))
            << to_string(tried);
        EXPECT_EQ(found, run(*device, tried, in)) << "other bits on a second run of " << to_string(tried);
        if (tried.moments && g.y.h > 1) expect_moments(found);
      };
      const Numbers forward = products(g, in);
      for (const int options : {0, 1, 2, 4, 8, 15}) {
        g.bias = options & 1, g.add = options & 2, g.relu = options & 4, g.moments = options & 8;
        check(g, forward);
      }
      if (g.w != hopper_filters) continue;
      g.bias = g.add = g.relu = g.moments = false;
      g.kind = ConvKind::data_gradient;
      const Numbers gradient = products(g, in);
      for (const bool accumulate : {false, true}) {
        g.accumulate = accumulate;
        check(g, gradient);
      }
    }
}

TEST(GpuHopperConvolution, LetsNanThroughTheRelu) {
  DLFS_NEEDS_HOPPER(device);
  ConvGraph g = graph_of(2, 9, 9, DType::f16);
  g.relu = g.moments = true;
  Tensors in = tensors_of(g);
  in.x[channels * (9 * 4 + 4) + 5] = std::nan("");
  const Found found = run(*device, g, in);
  const Numbers right = products(g, in);
  for (size_t i = 0; i < right.size(); ++i)
    ASSERT_EQ(std::isnan(found.result[i]), std::isnan(right[i])) << "element " << i;
  for (const double moment : found.moments) EXPECT_TRUE(std::isnan(moment));
}

TEST(GpuHopperConvolution, LosesNothingOfAVarianceFarFromZero) {
  DLFS_NEEDS_HOPPER(device);
  ConvGraph g = graph_of(60, 32, 32, DType::f16);  // several tiles a block
  g.bias = g.moments = true;
  Tensors in = tensors_of(g);
  for (double& number : in.w) number *= 0.5;
  in.w = rounded(in.w, g.dtype);
  for (double& number : in.bias) number = 500 + std::round(10 * number);  // deviations are near 0.5
  expect_moments(run(*device, g, in));
}

TEST(GpuHopperConvolution, IsTheSameInARecording) {
  DLFS_NEEDS_HOPPER(device);
  ConvGraph g = graph_of(60, 32, 32, DType::bf16);
  g.moments = true;
  const Tensors in = tensors_of(g);
  EXPECT_EQ(run(*device, g, in), run(*device, g, in, true));
}

TEST(GpuHopperConvolution, ServesWhereItPays) {
  DLFS_NEEDS_HOPPER(device);
  const auto changed = [&](ConvGraph g, const std::function<void(ConvGraph&)>& change) {
    if (change) change(g);
    return hopper_convolution(gpu(*device), g) != nullptr;
  };
  const auto serves = [&](int n, int h, int w, const std::function<void(ConvGraph&)>& change = {}) {
    return changed(graph_of(n, h, w, DType::bf16), change);
  };
  const auto serves_stem = [&](int n, const std::function<void(ConvGraph&)>& change = {}) {
    return changed(stem_of(n, 112, 112, DType::f16), change);
  };
  EXPECT_TRUE(serves(128, 32, 32));
  EXPECT_TRUE(serves(32, 56, 56));
  EXPECT_TRUE(serves(128, 32, 32, [](ConvGraph& g) { g.kind = ConvKind::data_gradient; }));
  EXPECT_FALSE(serves(4, 32, 32)) << "too few tiles";
  EXPECT_FALSE(serves(512, 8, 8)) << "half of each tile lies outside";
  EXPECT_TRUE(serves(128, 32, 32, [](ConvGraph& g) { g.kind = ConvKind::filter_gradient; }));
  EXPECT_FALSE(serves(128, 32, 32, [](ConvGraph& g) { g.dtype = DType::f32; }));
  EXPECT_FALSE(serves(128, 32, 32, [](ConvGraph& g) { g.x.c = g.w.c = 32; }));
  EXPECT_FALSE(serves(128, 32, 32, [](ConvGraph& g) { g.stride = 2, g.y.h = g.y.w = 16; }));
  EXPECT_FALSE(serves(128, 32, 32, [](ConvGraph& g) { g.sums = true; }));
  EXPECT_TRUE(serves_stem(2));
  EXPECT_FALSE(serves_stem(1)) << "too few tiles";
  EXPECT_FALSE(serves_stem(2, [](ConvGraph& g) { g.kind = ConvKind::data_gradient; }));
  EXPECT_TRUE(serves_stem(2, [](ConvGraph& g) { g.kind = ConvKind::filter_gradient; }));
  EXPECT_FALSE(serves_stem(2, [](ConvGraph& g) { g.pad = 1, g.y.h += 2, g.y.w += 2; }));
}

}  // namespace dlfs::testing
