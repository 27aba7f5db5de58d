// Batch norm in a net that learns: gradients that meet, running statistics, and what of it inference reads, against the
// same net in double whose gradients are differences.
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "dlfs/graph/plan.h"
#include "dlfs/ops/batch_norm/batch_norm.h"
#include "dlfs/ops/conv/conv.h"
#include "dlfs/ops/element_loss/element_loss.h"
#include "dlfs/ops/fold_norm/fold_norm.h"
#include "dlfs/ops/sgd/sgd.h"
#include "dlfs/testing/devices.h"
#include "dlfs/testing/op_checks.h"

namespace dlfs::testing {
namespace {

constexpr int channels = 4, from_channels = 3, positions = 2 * 4 * 4, weights = channels * from_channels;
constexpr int steps = 5;
constexpr double rate = 0.05, momentum = 0.1, epsilon = 1e-5;

// r = conv(x); h = relu(norm(r)); y = relu(norm(r) + h); loss = mean (y - target)^2
struct Net {
  Numbers p = random_numbers("norm_net/p", weights + 4 * channels, 0.25, 1);  // w, scale, bias, scale, bias
  std::array<Numbers, 2> mean{Numbers(channels, 0), Numbers(channels, 0)},
      variance{Numbers(channels, 1), Numbers(channels, 1)};

  Numbers norm(const Numbers& r, int which, Numbers* statistics) const {
    Numbers y(r.size());
    for (int c = 0; c < channels; ++c) {
      double m = 0, v = 0;
      for (int i = 0; i < positions; ++i) m += r[i * channels + c] / positions;
      for (int i = 0; i < positions; ++i) v += std::pow(r[i * channels + c] - m, 2) / positions;
      if (statistics != nullptr) (*statistics)[c] = m, (*statistics)[channels + c] = v;
      const double *scale = p.data() + weights + 2 * channels * which, *bias = scale + channels;
      for (int i = c; i < positions * channels; i += channels)
        y[i] = scale[c] * (r[i] - m) / std::sqrt(v + epsilon) + bias[c];
    }
    return y;
  }

  double loss(const Numbers& x, const Numbers& target, std::array<Numbers, 2>* statistics = nullptr) const {
    Numbers r(positions * channels);
    for (int i = 0; i < positions; ++i)
      for (int k = 0; k < channels; ++k)
        for (int c = 0; c < from_channels; ++c)
          r[i * channels + k] += x[i * from_channels + c] * p[k * from_channels + c];
    const Numbers first = norm(r, 0, statistics != nullptr ? &(*statistics)[0] : nullptr);
    const Numbers second = norm(r, 1, statistics != nullptr ? &(*statistics)[1] : nullptr);
    double sum = 0;
    for (size_t i = 0; i < r.size(); ++i)
      sum += std::pow(std::max(0.0, second[i] + std::max(0.0, first[i])) - target[i], 2);
    return sum / static_cast<double>(r.size());
  }

  double step(const Numbers& x, const Numbers& target) {
    std::array<Numbers, 2> batch{Numbers(2 * channels), Numbers(2 * channels)};
    const double before = loss(x, target, &batch);
    Numbers gradient(p.size());
    for (size_t i = 0; i < p.size(); ++i) {
      Net up = *this, down = *this;
      up.p[i] += 1e-6;
      down.p[i] -= 1e-6;
      gradient[i] = (up.loss(x, target) - down.loss(x, target)) / 2e-6;
    }
    for (size_t i = 0; i < p.size(); ++i) p[i] -= rate * gradient[i];
    for (int which = 0; which < 2; ++which)
      for (int c = 0; c < channels; ++c) {
        mean[which][c] += momentum * (batch[which][c] - mean[which][c]);
        const double unbiased = batch[which][channels + c] * positions / (positions - 1);
        variance[which][c] += momentum * (unbiased - variance[which][c]);
      }
    return before;
  }
};

struct Traced {
  Value w;
  std::array<BatchNorm, 2> norms;
};

Traced parameters_of(Trace& trace) {
  State& state = trace.state();
  Traced made{trace.param(state.add("w", {{channels, 1, 1, from_channels}}, Role::parameter, {})), {}};
  for (int i = 0; i < 2; ++i) {
    const auto add = [&](const char* name, Role role, float value) {
      return trace.param(state.add(concat(name, i), {{1, 1, 1, channels}}, role, {.value = value}));
    };
    made.norms[i] = {add("scale", Role::parameter, 1),
                     add("bias", Role::parameter, 0),
                     add("mean", Role::statistic, 0),
                     add("variance", Role::statistic, 1),
                     {}};
  }
  return made;
}

Numbers read(Device& device, const Tensor& tensor) {
  std::vector<float> values(tensor.shape().count());
  device.download(tensor, values.data(), device.stream());
  return {values.begin(), values.end()};
}

void upload(Device& device, const Tensor& tensor, const Numbers& numbers) {
  const std::vector<float> values(numbers.begin(), numbers.end());
  device.upload(tensor, values.data(), device.stream());
}

Numbers part(const Numbers& p, size_t from, size_t count) {
  return {p.begin() + static_cast<int64_t>(from), p.begin() + static_cast<int64_t>(from + count)};
}

void expect_near(const Numbers& found, const Numbers& wanted, const std::string& what) {
  EXPECT_LE(relative_error(found, wanted), 2e-5) << what;
}

void train(Device& device, State& state, Net& net) {
  Trace trace(state);
  const Value x = trace.input("x", {{2, 4, 4, from_channels}});
  const Value target = trace.input("target", {{2, 4, 4, channels}});
  const Value rate_now = trace.input("rate", {{1, 1, 1, 1}});
  const Value factor = trace.input("factor", {{1, 1, 1, 1}});
  const Traced at = parameters_of(trace);
  const Value r = conv(x, at.w);
  const Value h = norm_act(r, at.norms[0], {.relu = true});
  trace.loss("loss", mean_squared_error(norm_add_act(r, at.norms[1], {h}, {.relu = true}), target));
  sgd(trace, rate_now, {.momentum = 0});
  update_statistics(trace, factor);
  Plan plan(std::move(trace));
  plan.compile(device);

  const auto tensor = [&](const std::string& name) { return state.find(name)->tensor; };
  upload(device, tensor("w"), part(net.p, 0, weights));
  for (size_t i = 0; i < 4; ++i)
    upload(device, tensor(concat(i % 2 == 0 ? "scale" : "bias", i / 2)),
           part(net.p, weights + i * channels, channels));
  upload(device, plan["rate"], {rate});
  for (int step = 0; step < steps; ++step) {
    const Numbers images = random_numbers(concat("norm_net/x", step), positions * from_channels, -1, 2);
    const Numbers wanted = random_numbers(concat("norm_net/target", step), positions * channels, 0, 2);
    upload(device, plan["x"], images);
    upload(device, plan["target"], wanted);
    upload(device, plan["factor"], {1});
    plan.run(device.stream());
    EXPECT_NEAR(read(device, plan["loss"])[0], net.step(images, wanted), 1e-5) << "step " << step;
  }
  expect_near(read(device, tensor("w")), part(net.p, 0, weights), "w");
  for (size_t i = 0; i < 4; ++i)
    expect_near(read(device, tensor(concat(i % 2 == 0 ? "scale" : "bias", i / 2))),
                part(net.p, weights + i * channels, channels), concat("scale and bias ", i));
  for (int i = 0; i < 2; ++i) {
    expect_near(read(device, tensor(concat("mean", i))), net.mean[i], concat("mean ", i));
    expect_near(read(device, tensor(concat("variance", i))), net.variance[i], concat("variance ", i));
  }
  upload(device, plan["factor"], {0});  // a step that does not count
  plan.run(device.stream());
  for (int i = 0; i < 2; ++i) expect_near(read(device, tensor(concat("mean", i))), net.mean[i], "factor 0");
}

// In inference the running statistics count, and a folded convolution gives the same.
void infer(Device& device, State& state) {
  Trace trace(state, {.mode = Mode::infer});
  const Value x = trace.input("x", {{2, 4, 4, from_channels}});
  const Traced at = parameters_of(trace);
  trace.output("normed", norm_act(conv(x, at.w), at.norms[0], {.relu = true}));
  const FoldedNorm folded = fold_norm(at.w, {}, at.norms[0]);
  trace.output("folded", conv(x, folded.w, folded.bias, {.relu = true}));
  Plan plan(std::move(trace));
  plan.compile(device);
  upload(device, plan["x"], random_numbers("norm_net/x", positions * from_channels, -1, 2));
  plan.run(device.stream());
  expect_near(read(device, plan["folded"]), read(device, plan["normed"]), "folded");
}

void expect_net(Device& device) {
  State state(1);
  Net net;
  train(device, state, net);
  infer(device, state);
}

}  // namespace

TEST(NormNet, LearnsAsInDouble) { expect_net(*open_cpu()); }

TEST(GpuNormNet, LearnsAsInDouble) {
  DLFS_NEEDS_GPU(gpu);
  expect_net(*gpu);
}

}  // namespace dlfs::testing
