#include "dlfs/ops/dropout/dropout.h"

#include <gtest/gtest.h>

#include <cmath>

#include "dlfs/graph/check.h"
#include "dlfs/testing/cases.h"
#include "dlfs/testing/devices.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/op_checks.h"

namespace dlfs::testing {

std::vector<OpCase> dropout_cases() {
  struct Row {
    std::string name;
    Shape x;
    float rate = 0.5F;
    bool speed = false;
    bool compare = true;
  };
  std::vector<OpCase> all;
  uint64_t key = 1;
  for (const Row& row : std::vector<Row>{
           {.name = "half", .x = {4, 3, 5, 8}},
           {.name = "a tenth", .x = {4, 1, 1, 60}, .rate = 0.1F},
           {.name = "most", .x = {7, 5, 3, 2}, .rate = 0.9F},
           {.name = "odd count", .x = {3, 5, 7, 9}, .rate = 0.3F},
           {.name = "speed vgg fc", .x = {256, 1, 1, 4096}, .speed = true},
           {.name = "speed map", .x = {64, 56, 56, 64}, .rate = 0.2F, .speed = true, .compare = false},
       })
    all.push_back(
        {.name = "dropout/" + row.name,
         .function = dropout_function({.rate = row.rate, .key = ++key}),
         .inputs = {{.spec = {row.x}, .matrix = true}, {.spec = {{1, 1, 1, 1}, DType::i32}, .below = 1000}},
         .step = 1.0 / 32,
         .smooth = true,
         .golden = false,
         .speed = row.speed,
         .compare = row.compare,
         .narrow = true});
  return all;
}

DLFS_OP_TESTS_WITHOUT_GOLDEN(Dropout, dropout_cases())

namespace {

using Mask = std::vector<float>;
constexpr int count = 50001;

// One dropout of ones at each of these paths, so that what comes out is what they multiply by.
class Masks {
 public:
  Masks(Device& device, uint64_t seed, const std::vector<std::string>& paths, float rate = 0.5F)
      : device_(device), state_(seed), paths_(paths) {
    Trace trace(state_);
    const Value ones = trace.input("ones", {{1, 1, 1, count}});
    for (size_t i = 0; i < paths.size(); ++i) {
      const auto scope = trace.scope(paths[i]);
      trace.output(std::to_string(i), dropout(ones, {.rate = rate}));
    }
    plan_ = std::make_unique<Plan>(std::move(trace));
    plan_->compile(device);
    device.upload((*plan_)["ones"], Mask(count, 1).data(), device.stream());
  }

  void set_step(int32_t step) { device_.upload(state_.find("step")->tensor, &step, device_.stream()); }

  // The next step's masks, one a path.
  std::vector<Mask> next() {
    plan_->run(device_.stream());
    std::vector<Mask> masks(paths_.size(), Mask(count));
    for (size_t i = 0; i < masks.size(); ++i)
      device_.download((*plan_)[std::to_string(i)], masks[i].data(), device_.stream());
    return masks;
  }

  Plan& plan() { return *plan_; }

 private:
  Device& device_;
  State state_;
  std::vector<std::string> paths_;
  std::unique_ptr<Plan> plan_;
};

// How far a count of `of` trials of this probability lies from its mean, in its own deviations.
double deviations(int64_t found, int of, double probability) {
  return std::abs(static_cast<double>(found) - of * probability) /
         std::sqrt(of * probability * (1 - probability));
}

void expect_share_and_scale(Device& device) {
  for (const float rate : {0.1F, 0.5F, 0.9F}) {
    const Mask mask = Masks(device, 7, {"layer"}, rate).next()[0];
    int64_t kept = 0;
    for (const float factor : mask) {
      EXPECT_TRUE(factor == 0 || factor == 1 / (1 - rate)) << factor;
      kept += factor != 0;
    }
    EXPECT_LT(deviations(kept, count, 1.0 - rate), 5) << kept << " kept at rate " << rate;
  }
}

// Other layers, a second dropout at one path, other steps and other seeds: any two masks agree in half of the elements.
void expect_independence(Device& device) {
  std::vector<Mask> all;
  for (const uint64_t seed : {7, 8}) {
    Masks masks(device, seed, {"layer1.0", "layer1.1", "layer1.1", ""});
    for (int step = 0; step < 3; ++step)
      for (const Mask& mask : masks.next()) all.push_back(mask);
  }
  ASSERT_EQ(all.size(), 24U);
  for (size_t a = 0; a < all.size(); ++a)
    for (size_t b = 0; b < a; ++b) {
      int64_t same = 0;
      for (int i = 0; i < count; ++i) same += all[a][i] == all[b][i];
      EXPECT_LT(deviations(same, count, 0.5), 5) << same << " agree of masks " << a << " and " << b;
    }
}

// The same seed gives the same bits, whatever other layers there are, recorded or not, and in a run that is resumed.
void expect_same_bits(Device& device) {
  Masks first(device, 7, {"a", "b"}), again(device, 7, {"b"}), resumed(device, 7, {"a", "b"});
  for (int step = 0; step < 2; ++step) EXPECT_EQ(first.next()[1], again.next()[0]);
  Observer nobody;
  again.plan().run(device.stream(), nobody);
  resumed.set_step(2);
  EXPECT_EQ(first.next(), resumed.next());
  EXPECT_EQ(first.next()[1], again.next()[0]);
}

// Backward drops what forward of the same step dropped, though that step advances the counter: the loss is w * factor.
void expect_backward_drops_the_same(Device& device) {
  State state(7);
  Trace trace(state);
  const Value w = trace.param(state.add("w", {{1, 1, 1, 1}}, Role::parameter, {.value = 1}));
  trace.loss("loss", dropout(w));
  trace.output("d_w", trace.gradient(w));
  Plan plan(std::move(trace));
  plan.compile(device);
  const auto reference = open_cpu();
  Check check(device, *reference);
  constexpr int steps = 40;
  int dropped = 0;
  for (int step = 0; step < steps; ++step) {
    step % 2 == 0 ? plan.run(device.stream(), check) : plan.run(device.stream());
    float loss = -1, d_w = -1;
    device.download(plan["loss"], &loss, device.stream());
    device.download(plan["d_w"], &d_w, device.stream());
    EXPECT_EQ(loss, d_w) << "in step " << step;
    dropped += loss == 0;
  }
  EXPECT_LT(deviations(dropped, steps, 0.5), 5);
  EXPECT_EQ(check.steps(), 3 * steps / 2) << "forward, backward and the counter";
}

}  // namespace

TEST(Dropout, KeepsItsShareAndScalesIt) { expect_share_and_scale(*open_cpu()); }
TEST(Dropout, MasksAreIndependent) { expect_independence(*open_cpu()); }
TEST(Dropout, SameSeedGivesSameBits) { expect_same_bits(*open_cpu()); }
TEST(Dropout, BackwardDropsTheSame) { expect_backward_drops_the_same(*open_cpu()); }

TEST(GpuDropout, KeepsItsShareAndScalesIt) {
  DLFS_NEEDS_GPU(gpu);
  expect_share_and_scale(*gpu);
}

TEST(GpuDropout, SameSeedGivesSameBits) {
  DLFS_NEEDS_GPU(gpu);
  expect_same_bits(*gpu);
  const auto cpu = open_cpu();
  EXPECT_EQ(Masks(*gpu, 7, {"a", "b"}).next(), Masks(*cpu, 7, {"a", "b"}).next());
}

TEST(GpuDropout, BackwardDropsTheSame) {
  DLFS_NEEDS_GPU(gpu);
  expect_backward_drops_the_same(*gpu);
}

TEST(Dropout, IsNothingInInferenceAndAtRateZero) {
  for (const Mode mode : {Mode::infer, Mode::train}) {
    State state(1);
    Trace trace(state, {.mode = mode});
    trace.output("y", dropout(trace.input("x", {{1, 1, 1, 4}}), {.rate = mode == Mode::infer ? 0.5F : 0}));
    EXPECT_TRUE(trace.graph().calls.empty());
    EXPECT_TRUE(trace.graph().updates.empty());
    EXPECT_TRUE(state.entries().empty());
    const Plan plan(std::move(trace));
    EXPECT_EQ(plan.schedule().names.at("x"), plan.schedule().names.at("y"));
  }
}

TEST(Dropout, NamesTheValueOfWhatDoesNotFit) {
  for (const Mode mode : {Mode::infer, Mode::train}) {
    State state(1);
    Trace trace(state, {.mode = mode});
    const Value x = trace.input("x", {{1, 1, 1, 4}});
    expect_error<ShapeError>([&] { dropout(x, {.rate = 1}); },
                             "[dropout] rate 1 is not at least 0 and below 1");
    const auto scope = trace.scope("fc1");
    expect_error<ShapeError>([&] { dropout(x, {.rate = -0.5F}); },
                             "[dropout] fc1: rate -0.5 is not at least 0 and below 1");
    EXPECT_THROW(dropout(x, {.rate = std::nanf("")}), ShapeError);
  }
  State state(1);
  Trace trace(state);
  expect_error<ShapeError>(
      [&] {
        dropout(trace.input("x", {{1, 1, 1, 4}, DType::i32}));
      },
      "[dropout] x is i32 [1,1,1,4], but must be f32, f16 or bf16");
}

}  // namespace dlfs::testing
