// The calls that a Program is made of, against naive loops in double.
#include "dlfs/cpu/convolution.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "dlfs/base/error.h"
#include "dlfs/base/random.h"
#include "dlfs/cpu/cpu_device.h"
#include "dlfs/cpu/loops.h"
#include "dlfs/cpu/matmul.h"

namespace dlfs {
namespace {

constexpr float nan = std::numeric_limits<float>::quiet_NaN();

// A tensor with its memory.
struct Buffer {
  explicit Buffer(const Shape& of, uint64_t key = 0) : shape(of), values(of.count()) {
    for (size_t i = 0; i < values.size(); ++i) values[i] = Random(key).normal(i);
  }
  Tensor tensor() { return {{shape, DType::f32}, values.data()}; }
  float& at(int n, int h, int w, int c) {
    return values[((size_t{1} * n * shape.h + h) * shape.w + w) * shape.c + c];
  }
  Shape shape;
  std::vector<float> values;
};

// Makes a program, gives it its working memory full of NaN and runs it once, or twice: what the first run leaves
// there must not matter. Returns its engine.
template <typename Make>
std::string run(Make make, int times = 1) {
  std::vector<MemoryPtr> memory;
  Program program([&] { return memory[0]->data(); });
  make(program);
  memory.push_back(open_cpu()->allocate(program.scratch_bytes()));
  std::fill_n(static_cast<float*>(memory[0]->data()), program.scratch_bytes() / sizeof(float), nan);
  for (int i = 0; i < times; ++i) program.run({});
  return program.engine();
}

// The largest difference, in units of the largest value.
double error(const std::vector<float>& values, const std::vector<double>& wanted) {
  double worst = 0, largest = 0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    const double difference = std::abs(values[i] - wanted[i]);
    worst = std::isnan(difference) ? INFINITY : std::max(worst, difference);
    largest = std::max(largest, std::abs(wanted[i]));
  }
  return worst / largest;
}

struct Case {
  const char* name;
  Shape x, w;
  Convolution of;
};

Shape output(const Case& of) {
  const auto length = [&](int size, int filter) {
    return (size + 2 * of.of.pad - of.of.dilation * (filter - 1) - 1) / of.of.stride + 1;
  };
  return {of.x.n, length(of.x.h, of.w.h), length(of.x.w, of.w.w), of.w.n};
}

// Calls visit(index in x, index in w, index in y) for every product of the sum.
template <typename Visit>
void each_product(const Case& of, Visit visit) {
  const Shape y = output(of), x = of.x, w = of.w;
  const int per_group = w.n / of.of.groups;
  for (int64_t at = 0; at < y.count(); ++at) {
    const int64_t k = at % y.c, j = at / y.c % y.w, i = at / y.c / y.w % y.h, n = at / y.c / y.w / y.h;
    for (int r = 0; r < w.h; ++r)
      for (int s = 0; s < w.w; ++s)
        for (int c = 0; c < w.c; ++c) {
          const int64_t row = i * of.of.stride - of.of.pad + r * of.of.dilation;
          const int64_t column = j * of.of.stride - of.of.pad + s * of.of.dilation;
          if (row < 0 || row >= x.h || column < 0 || column >= x.w) continue;
          visit(((n * x.h + row) * x.w + column) * x.c + k / per_group * w.c + c,
                ((k * w.h + r) * w.w + s) * w.c + c, at);
        }
  }
}

const std::vector<Case> cases = {
    {"lenet conv1", {3, 28, 28, 1}, {20, 5, 5, 1}, {}},
    {"lenet conv2", {3, 12, 12, 20}, {50, 5, 5, 20}, {}},
    {"stride and pad", {2, 9, 11, 16}, {32, 3, 3, 16}, {.stride = 2, .pad = 1}},
    {"stride that leaves a rest", {2, 10, 8, 3}, {8, 3, 3, 3}, {.stride = 3}},
    {"pointwise", {2, 5, 4, 24}, {40, 1, 1, 24}, {}},
    {"oblong filter", {2, 8, 9, 5}, {7, 2, 4, 5}, {.pad = 1}},
    {"dilation", {2, 11, 12, 6}, {10, 3, 3, 6}, {.pad = 2, .dilation = 2}},
    {"groups", {2, 8, 7, 12}, {18, 3, 3, 4}, {.pad = 1, .groups = 3}},
    {"groups, stride and dilation",
     {2, 12, 11, 8},
     {4, 3, 3, 4},
     {.stride = 2, .pad = 2, .dilation = 2, .groups = 2}},
    {"depthwise", {2, 7, 8, 33}, {33, 3, 3, 1}, {.pad = 1, .groups = 33}},
    {"few positions", {2, 3, 4, 16}, {48, 3, 3, 16}, {.pad = 1}},
    {"few positions, stride and dilation",
     {3, 7, 6, 5},
     {80, 3, 2, 5},
     {.stride = 2, .pad = 2, .dilation = 2}},
    {"one pixel, one channel", {1, 1, 1, 1}, {1, 1, 1, 1}, {}},
};

TEST(Convolution, AgreesWithNaiveLoops) {
  for (const Case& of : cases) {
    Buffer x(of.x, 1), w(of.w, 2), bias({1, 1, 1, of.w.n}, 3), y(output(of), 4);
    for (const bool biased : {true, false}) {
      std::vector<double> wanted(y.values.size());
      for (size_t i = 0; i < wanted.size(); ++i) wanted[i] = biased ? bias.values[i % of.w.n] : 0;
      each_product(
          of, [&](int64_t ix, int64_t iw, int64_t iy) { wanted[iy] += double{x.values[ix]} * w.values[iw]; });
      const std::string engine = run(
          [&](Program& program) {
            add_convolution(program, of.of, x.tensor(), w.tensor(), biased ? bias.tensor() : Tensor{},
                            y.tensor());
          },
          2);
      EXPECT_LT(error(y.values, wanted), 2e-6) << of.name;
      EXPECT_EQ(engine.rfind("onednn ", 0), 0U) << engine;
      EXPECT_EQ(engine.find("ref"), std::string::npos) << of.name << ": " << engine;
    }
  }
}

TEST(Convolution, GradientOfTheInputIsSetOrAdded) {
  for (const Case& of : cases)
    for (const bool add : {false, true}) {
      Buffer d_x(of.x, 1), w(of.w, 2), d_y(output(of), 4);
      std::vector<double> wanted(d_x.values.size());
      if (add) wanted.assign(d_x.values.begin(), d_x.values.end());
      if (!add) d_x.values.assign(d_x.values.size(), nan);
      each_product(of, [&](int64_t ix, int64_t iw, int64_t iy) {
        wanted[ix] += double{d_y.values[iy]} * w.values[iw];
      });
      const std::string engine = run([&](Program& program) {
        add_convolution_data(program, of.of, d_y.tensor(), w.tensor(), {.to = d_x.tensor(), .add = add});
      });
      EXPECT_LT(error(d_x.values, wanted), 2e-6) << of.name << (add ? ", add" : ", set");
      EXPECT_EQ(engine.find("ref"), std::string::npos) << of.name << ": " << engine;
    }
}

TEST(Convolution, GradientOfTheFiltersIsSetOrAdded) {
  for (const Case& of : cases)
    for (const bool add : {false, true}) {
      Buffer x(of.x, 1), d_w(of.w, 2), d_y(output(of), 4);
      std::vector<double> wanted(d_w.values.size());
      if (add) wanted.assign(d_w.values.begin(), d_w.values.end());
      if (!add) d_w.values.assign(d_w.values.size(), nan);
      each_product(of, [&](int64_t ix, int64_t iw, int64_t iy) {
        wanted[iw] += double{d_y.values[iy]} * x.values[ix];
      });
      const std::string engine = run([&](Program& program) {
        add_convolution_weights(program, of.of, x.tensor(), d_y.tensor(), {.to = d_w.tensor(), .add = add});
      });
      EXPECT_LT(error(d_w.values, wanted), 5e-6) << of.name << (add ? ", add" : ", set");
      EXPECT_EQ(engine.find("ref"), std::string::npos) << of.name << ": " << engine;
    }
}

// One NaN of x must reach every output whose window holds it, through a ReLU too, and no other output.
TEST(Convolution, NaNGoesWhereItMustAndNowhereElse) {
  for (const Case& of : cases) {
    Buffer x(of.x, 1), w(of.w, 2), y(output(of), 4);
    const int64_t place = of.x.count() / 2;
    x.values[place] = nan;
    std::vector<char> reached(y.values.size());
    each_product(of, [&](int64_t ix, int64_t, int64_t iy) { reached[iy] |= ix == place; });
    run([&](Program& program) {
      add_convolution(program, of.of, x.tensor(), w.tensor(), Operand{}, y.tensor());
      add_relu(program, y.tensor());
    });
    for (size_t i = 0; i < reached.size(); ++i)
      ASSERT_EQ(std::isnan(y.values[i]), reached[i] != 0) << of.name << " at " << i;
  }
}

TEST(Matmul, TakesTransposedMatricesBiasAndAdd) {
  constexpr int n = 5, m = 24, k = 7;
  for (const bool add : {false, true}) {
    Buffer x({n, 2, 3, 4}, 1), w({k, 2, 3, 4}, 2), bias({1, 1, 1, k}, 3), y({n, 1, 1, k}, 4),
        d_w({k, 2, 3, 4}, 5);
    std::vector<double> wanted(n * k), wanted_d_w(k * m);
    if (add) wanted.assign(y.values.begin(), y.values.end());
    if (add) wanted_d_w.assign(d_w.values.begin(), d_w.values.end());
    Buffer d_y({n, 1, 1, k}, 6);
    for (int i = 0; i < n; ++i)
      for (int o = 0; o < k; ++o) {
        wanted[i * k + o] += bias.values[o];
        for (int j = 0; j < m; ++j) {
          wanted[i * k + o] += double{x.values[i * m + j]} * w.values[o * m + j];
          wanted_d_w[o * m + j] += double{d_y.values[i * k + o]} * x.values[i * m + j];
        }
      }
    const Operand x_operand = x.tensor(), w_operand = w.tensor(), d_y_operand = d_y.tensor();
    run([&](Program& program) {
      add_matmul(program, Matrix(x_operand), Matrix(w_operand).transposed(), bias.tensor(),
                 Matrix(y.tensor()), {.add = add});
      add_matmul(program, Matrix(d_y_operand).transposed(), Matrix(x_operand), {}, Matrix(d_w.tensor()),
                 {.add = add});
    });
    EXPECT_LT(error(y.values, wanted), 1e-6) << add;
    EXPECT_LT(error(d_w.values, wanted_d_w), 1e-6) << add;
  }
}

TEST(Loops, ReluPassesNaNAndItsGradientIsMasked) {
  Buffer y({1, 1, 1, 5}), d_y({1, 1, 1, 5}), result({1, 1, 1, 5});
  y.values = {-1, 0, 2, nan, -INFINITY};
  d_y.values = {1, 2, 3, 4, nan};
  run([&](Program& program) {
    add_relu(program, y.tensor());
    const Operand masked = add_relu_gradient(program, y.tensor(), d_y.tensor());
    std::fill(result.values.begin(), result.values.end(), 10.0F);
    add_sum(program, masked, result.tensor());
  });
  EXPECT_EQ((std::vector<float>{y.values[0], y.values[1], y.values[2], y.values[4]}),
            (std::vector<float>{0, 0, 2, 0}));
  EXPECT_TRUE(std::isnan(y.values[3]));
  EXPECT_EQ(result.values, (std::vector<float>{10, 10, 13, 14, 10}));
}

// 2^24 + 1 + 1 … loses every 1 in f32.
TEST(Loops, ChannelSumsAreInDouble) {
  Buffer of({4, 1, 3, 2}), sums({1, 1, 1, 2});
  for (size_t i = 0; i < of.values.size(); ++i) of.values[i] = i < 2 ? 16777216.0F : 1.0F;
  for (const bool add : {false, true}) {
    sums.values = {100, 200};
    run([&](Program& program) { add_channel_sums(program, of.tensor(), sums.tensor(), {.add = add}); });
    EXPECT_EQ(sums.values[0], static_cast<float>(16777216.0 + 11 + (add ? 100 : 0)));
    EXPECT_EQ(sums.values[1], static_cast<float>(16777216.0 + 11 + (add ? 200 : 0)));
  }
}

// A filter of two channels for images of three: what infer refuses. oneDNN's refusal becomes a sentence.
TEST(Convolution, WhatOneDnnRefusesIsASentence) {
  Buffer x({1, 4, 4, 3}), w({2, 3, 3, 2}), y({1, 2, 2, 2});
  try {
    run([&](Program& program) { add_convolution(program, {}, x.tensor(), w.tensor(), {}, y.tensor()); });
    FAIL() << "no error";
  } catch (const DeviceError& error) {
    EXPECT_NE(std::string(error.what()).find("[onednn] convolution failed with status"), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace dlfs
