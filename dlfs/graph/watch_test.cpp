#include "dlfs/graph/watch.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "dlfs/cpu/cpu_device.h"

namespace dlfs::testing {
namespace {

class Work : public Kernel {
 public:
  explicit Work(std::function<void()> work) : work_(std::move(work)) {}
  void run(Stream) override { work_(); }

 private:
  std::function<void()> work_;
};

// y = the sum of log(x), which saves 1 / x; x [1,1,1,4].
class SumOfLogarithms : public Function {
 public:
  std::string name() const override { return "sum_log"; }
  Signature infer(const Inputs& in) const override {
    return {.outputs = {{{1, 1, 1, 1}}}, .saved = {in[0]}, .updates = {}};
  }
  KernelPtr forward(Device&, const Site& site) const override {
    return std::make_unique<Work>([site] {
      *site.out[0].as<float>() = 0;
      for (int i = 0; i < 4; ++i) {
        *site.out[0].as<float>() += std::log(site.in[0].as<float>()[i]);
        if (site.saved[0]) site.saved[0].as<float>()[i] = 1 / site.in[0].as<float>()[i];
      }
    });
  }
  KernelPtr backward(Device&, const Site& site) const override {
    return std::make_unique<Work>([site] {
      for (int i = 0; i < 4; ++i)
        site.d_in[0].to.as<float>()[i] = site.d_out[0].as<float>()[0] * site.saved[0].as<float>()[i] * 1e30F;
    });
  }
};

// p = p - rate * gradient; in {rate, p, gradient}
class Descent : public Function {
 public:
  std::string name() const override { return "descent"; }
  Signature infer(const Inputs&) const override { return {.outputs = {}, .saved = {}, .updates = {1}}; }
  KernelPtr forward(Device&, const Site& site) const override {
    return std::make_unique<Work>([site] {
      for (int i = 0; i < 4; ++i)
        site.in[1].as<float>()[i] -= *site.in[0].as<float>() * site.in[2].as<float>()[i];
    });
  }
};

// What the watch says of the first runs of a step over the parameter layer.x; "" where it says nothing.
std::string watched(const std::vector<float>& x, float rate, int runs = 1) {
  const auto cpu = open_cpu();
  State state(1);
  Trace trace(state);
  Value parameter, loss;
  {
    const auto scope = trace.scope("layer");
    parameter = trace.param(state.add(trace.path("x"), {{1, 1, 1, 4}}, Role::parameter, {}));
    loss = trace.apply(std::make_shared<SumOfLogarithms>(), {parameter})[0];
  }
  trace.loss("loss", loss);
  trace.update(std::make_shared<Descent>(),
               {trace.input("rate", {{1, 1, 1, 1}}), parameter, trace.gradient(parameter)});
  Plan plan(std::move(trace));
  plan.compile(*cpu);
  cpu->upload(state.entries()[0].tensor, x.data(), cpu->stream());
  cpu->upload(plan["rate"], &rate, cpu->stream());
  Watch watch(*cpu, plan);
  try {
    for (int i = 0; i < runs; ++i) plan.run(cpu->stream(), watch);
    return "";
  } catch (const WatchError& error) {
    return error.what();
  }
}

TEST(Watch, LetsFiniteValuesPass) { EXPECT_EQ(watched({1, 2, 3, 1e30F}, 0), ""); }

TEST(Watch, NamesAnOutput) {
  EXPECT_EQ(
      watched({1, 2, -3, 4}, 0),
      "[watch] step 1, layer: sum_log forward wrote NaN to layer.sum_log f32 [1,1,1,1] at [0,0,0,0] (1 of "
      "its 1 values are not finite); the largest that it had read is 4, in layer.x");
}

TEST(Watch, NamesWhatIsSaved) {
  EXPECT_EQ(watched({1, 2, 1e-40F, 1e-41F}, 0),
            "[watch] step 1, layer: sum_log forward wrote infinity to layer.sum_log.saved_0 f32 [1,1,1,4] at "
            "[0,0,0,2] (2 of its 4 values are not finite); the largest that it had read is 2, in layer.x");
}

TEST(Watch, NamesAGradient) {
  EXPECT_EQ(watched({1, -1e-9F, 1, 1e-9F}, 0).substr(0, 40), "[watch] step 1, layer: sum_log forward w");
  EXPECT_EQ(
      watched({1, 1, 1, 1e-9F}, 0),
      "[watch] step 1, layer: sum_log backward wrote infinity to d_layer.x f32 [1,1,1,4] at [0,0,0,3] (1 of "
      "its 4 values are not finite); the largest that it had read is 1e+09, in layer.sum_log.saved_0");
}

TEST(Watch, NamesWhatAnUpdateChanged) {
  const std::string said =
      watched({1e25F, 1, 1e25F, 1e25F}, -1e9F);  // only the second gradient is large enough
  EXPECT_EQ(
      said,
      "[watch] step 1, descent: descent update wrote infinity to layer.x f32 [1,1,1,4] at [0,0,0,1] (1 of "
      "its 4 values are not finite); the largest that it had read is 1e+30, in d_layer.x");
}

TEST(Watch, SaysWhenTheValueCameIn) {
  EXPECT_EQ(
      watched({1, 2, 3, INFINITY}, 0),
      "[watch] step 1, layer: sum_log forward wrote infinity to layer.sum_log f32 [1,1,1,1] at [0,0,0,0] (1 "
      "of its 1 values are not finite); it had read infinity from layer.x");
}

TEST(Watch, CountsTheRuns) {
  // A step takes 0.3 / x off x: 1 becomes 0.7, then 0.27, then negative.
  const std::string said = watched({1, 9, 9, 9}, 0.3e-30F, 9);
  EXPECT_EQ(said.substr(0, 53), "[watch] step 4, layer: sum_log forward wrote NaN to l");
}

}  // namespace
}  // namespace dlfs::testing
