// The 16-bit seam of traces, plans and the State: working copies, and what inference makes of the State alone.
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <memory>

#include "dlfs/cpu/cpu_device.h"
#include "dlfs/graph/plan.h"
#include "dlfs/tensor/half.h"
#include "dlfs/testing/error.h"

namespace dlfs::testing {
namespace {

const Spec four{{1, 1, 1, 4}};
using Floats = std::vector<float>;

Floats read(Device& device, const Tensor& tensor) {
  std::vector<std::byte> content(bytes(tensor.spec));
  device.download(tensor, content.data(), device.stream());
  Floats values(static_cast<size_t>(tensor.shape().count()));
  convert(content.data(), tensor.spec.dtype, values.data(), DType::f32, values.size());
  return values;
}

class Work : public Kernel {
 public:
  explicit Work(std::function<void()> work) : work_(std::move(work)) {}
  void run(Stream) override { work_(); }

 private:
  std::function<void()> work_;
};

struct SumSettings {
  std::string name = "sum";
  int64_t* runs = nullptr;
  bool scalar = false;
  std::vector<int> updates = {};
};

// y = the sum of all inputs in f32, element by element, or of all elements; what it updates becomes one more. Its gradients
// are ones.
class Sum : public Function {
 public:
  explicit Sum(SumSettings settings) : settings_(std::move(settings)) {}
  std::string name() const override { return settings_.name; }
  Signature infer(const Inputs&) const override {
    return {
        .outputs = {settings_.scalar ? Spec{{1, 1, 1, 1}} : four}, .saved = {}, .updates = settings_.updates};
  }
  KernelPtr forward(Device&, const Site& site) const override {
    return std::make_unique<Work>([site, settings = settings_] {
      if (settings.runs != nullptr) ++*settings.runs;
      float* const y = site.out[0].as<float>();
      for (int i = 0; i < site.out[0].shape().count(); ++i) y[i] = 0;
      for (const Tensor& in : site.in)
        for (int i = 0; i < 4; ++i)
          y[settings.scalar ? 0 : i] +=
              static_cast<float>(number_at(in.data, in.spec.dtype, static_cast<size_t>(i)));
      for (const int updated : settings.updates)
        for (int i = 0; i < 4; ++i) site.in[static_cast<size_t>(updated)].as<float>()[i] += 1;
    });
  }
  KernelPtr backward(Device&, const Site& site) const override {
    return std::make_unique<Work>([site] {
      for (const auto& [to, how] : site.d_in)
        for (size_t i = 0; how != Write::skip && i < 4; ++i)
          set_number(to.data, to.spec.dtype, i,
                     (how == Write::add ? number_at(to.data, to.spec.dtype, i) : 0) + 1);
    });
  }

 private:
  SumSettings settings_;
};

Value sum_of(const SumSettings& settings, const std::vector<Value>& in) {
  return in[0].trace().apply(std::make_shared<Sum>(settings), in)[0];
}

Param add(State& state, const std::string& name, float value = 1, Role role = Role::parameter) {
  return state.add(name, four, role, {.value = value});
}

TEST(WorkingCopy, IsTheParameterRoundedInA16BitTrace) {
  const auto cpu = open_cpu();
  State state(1);
  const Param w = add(state, "w", 1.003F);
  Trace wide(state), tf32(state, {.precision = Precision::tf32}),
      narrow(state, {.precision = Precision::bf16});
  EXPECT_EQ(wide.weight(w).spec(), four);
  EXPECT_EQ(tf32.weight(w).spec(), four);
  EXPECT_FALSE(state.entry(w).working.spec);
  const Value copy = narrow.weight(w);
  EXPECT_EQ(copy.spec(), (Spec{four.shape, DType::bf16}));
  EXPECT_EQ(narrow.master(copy).spec(), four);
  EXPECT_EQ(narrow.parameters().size(), 1U) << "the copy and its master are one parameter";
  state.allocate(*cpu);
  EXPECT_EQ(read(*cpu, state.entry(w).tensor), Floats(4, 1.003F));
  EXPECT_EQ(read(*cpu, state.entry(w).working), Floats(4, 1));
}

TEST(WorkingCopy, IsSetWithItsParameter) {
  const auto cpu = open_cpu();
  State state(1);
  const Param w = add(state, "w");
  state.keep_working(w, DType::f16);
  state.allocate(*cpu);
  const Floats values{0.1F, -2, 1e6F, 0};
  state.set(*cpu, w, values.data());
  EXPECT_EQ(read(*cpu, state.entry(w).tensor), values);
  EXPECT_EQ(read(*cpu, state.entry(w).working),
            (Floats{static_cast<float>(F16(0.1F)), -2, std::numeric_limits<float>::infinity(), 0}));
}

// A State that was used in f32, and then in 16 bits.
TEST(WorkingCopy, BeginsAsThePresentValues) {
  const auto cpu = open_cpu();
  State state(1);
  const Param w = add(state, "w");
  state.allocate(*cpu);
  const Floats values{1, 2, 3, 4};
  state.set(*cpu, w, values.data());
  Trace narrow(state, {.precision = Precision::bf16});
  narrow.weight(w);
  state.allocate(*cpu);
  EXPECT_EQ(read(*cpu, state.entry(w).tensor), values);
  EXPECT_EQ(read(*cpu, state.entry(w).working), values);
}

TEST(WorkingCopy, HasOneTypeAndOneUseInATrace) {
  State state(1);
  const Param w = add(state, "w");
  Trace half(state, {.precision = Precision::f16}), other(state, {.precision = Precision::bf16});
  half.weight(w);
  expect_error<ShapeError>(
      [&] { other.weight(w); },
      "[state] w has a copy in f16 already and cannot have one in bf16 too; use one precision "
      "of the two, or another State");
  expect_error<ShapeError>(
      [&] { half.param(w); },
      "[trace] w is used twice in one trace; keep the Value, or give one a scope of its own");
}

TEST(WorkingCopy, HasAGradientOfItsTypeAndOnlyWhereAPlanNeedsIt) {
  const auto cpu = open_cpu();
  State state(1);
  const Param w = add(state, "w"), bias = add(state, "bias"), idle = add(state, "idle");
  Trace trace(state, {.precision = Precision::bf16});
  const Value copy = trace.weight(w);
  trace.param(idle);
  trace.loss("loss", sum_of({.scalar = true}, {copy, trace.param(bias)}));
  trace.output("d_w", trace.gradient(copy));
  Plan plan(std::move(trace));
  plan.compile(*cpu);
  plan.run(cpu->stream());
  EXPECT_EQ(plan["d_w"].spec.dtype, DType::bf16);
  EXPECT_EQ(read(*cpu, plan["d_w"]), Floats(4, 1));
  EXPECT_EQ(plan["d_w"].data, state.entry(w).working_gradient.data);
  EXPECT_FALSE(state.entry(w).gradient);
  EXPECT_TRUE(state.entry(bias).gradient);
  EXPECT_FALSE(state.entry(bias).working_gradient);
  EXPECT_FALSE(state.entry(idle).gradient);
}

struct Made {
  int64_t of_state = 0,
          of_all = 0;  // runs of the call that reads the State alone, and of the one that reads more
};

std::unique_ptr<Plan> inference(State& state, Made& made, Mode mode = Mode::infer) {
  Trace trace(state, {.mode = mode});
  const Value folded = sum_of({.name = "fold", .runs = &made.of_state},
                              {trace.param(add(state, "a", 2)), trace.param(add(state, "b", 3))});
  trace.output("folded", folded);
  trace.output("y", sum_of({.name = "use", .runs = &made.of_all}, {trace.input("x", four), folded}));
  return std::make_unique<Plan>(std::move(trace));
}

TEST(FixedWork, IsDoneByRefreshAndNotByRuns) {
  const auto cpu = open_cpu();
  State state(1);
  Made made;
  const auto plan = inference(state, made);
  plan->compile(*cpu);
  EXPECT_EQ(made.of_state, 1) << "compile() refreshes";
  EXPECT_EQ(made.of_all, 0);
  const Floats x{1, 1, 1, 1}, a{10, 20, 30, 40};
  cpu->upload((*plan)["x"], x.data(), cpu->stream());
  Observer nobody;
  plan->run(cpu->stream());
  plan->run(cpu->stream(), nobody);
  EXPECT_EQ(made.of_state, 1);
  EXPECT_EQ(made.of_all, 2);
  EXPECT_EQ(read(*cpu, (*plan)["y"]), Floats(4, 6));
  state.set(*cpu, {0}, a.data());
  plan->run(cpu->stream());
  EXPECT_EQ(read(*cpu, (*plan)["y"]), Floats(4, 6)) << "what was made of the old State";
  plan->refresh(cpu->stream());
  plan->run(cpu->stream());
  EXPECT_EQ(read(*cpu, (*plan)["y"]), (Floats{14, 24, 34, 44}));
  EXPECT_EQ(made.of_state, 2);
  const Schedule& schedule = plan->schedule();
  EXPECT_EQ(schedule.slots[static_cast<size_t>(schedule.names.at("folded"))].home, Home::fixed);
  EXPECT_EQ(schedule.slots[static_cast<size_t>(schedule.names.at("y"))].home, Home::arena);
}

TEST(FixedWork, IsShownToTheKernelsThatReadIt) {
  const auto cpu = open_cpu();
  State state(1);
  Made made;
  const auto plan = inference(state, made);
  plan->compile(*cpu);
  for (const Step& step : plan->steps()) {
    const bool all = step.function->name() == "fold";
    EXPECT_EQ(step.fixed, all);
    EXPECT_EQ(step.site.is_fixed(0), all) << "x is none, a is";
    EXPECT_TRUE(step.site.is_fixed(1));
  }
}

TEST(FixedWork, IsNoneInTraining) {
  const auto cpu = open_cpu();
  State state(1);
  Made made;
  const auto plan = inference(state, made, Mode::train);
  plan->compile(*cpu);
  EXPECT_EQ(made.of_state, 0);
  plan->run(cpu->stream());
  plan->run(cpu->stream());
  EXPECT_EQ(made.of_state, 2);
  for (const Step& step : plan->steps()) EXPECT_FALSE(step.fixed || step.site.is_fixed(1));
}

// A counter that the plan advances itself, in a call or after all of them, is no fixed State.
TEST(FixedWork, IsNothingThatReadsWhatThePlanUpdates) {
  for (const bool in_update : {false, true}) {
    const auto cpu = open_cpu();
    State state(1);
    int64_t runs = 0;
    Trace trace(state, {.mode = Mode::infer});
    const Value counter = trace.param(add(state, "counter", 1, Role::counter));
    trace.output("y", sum_of({.name = "reader", .runs = &runs}, {counter}));
    class Advance : public Sum {
     public:
      Advance() : Sum({.name = "advance"}) {}
      Signature infer(const Inputs&) const override { return {.outputs = {}, .saved = {}, .updates = {0}}; }
      KernelPtr forward(Device&, const Site& site) const override {
        return std::make_unique<Work>([site] { ++site.in[0].as<float>()[0]; });
      }
    };
    if (in_update)
      trace.update(std::make_shared<Advance>(), {counter});
    else
      trace.apply(std::make_shared<Advance>(), {counter});
    Plan plan(std::move(trace));
    plan.compile(*cpu);
    plan.run(cpu->stream());
    plan.run(cpu->stream());
    EXPECT_EQ(runs, 2) << in_update;
    EXPECT_EQ(read(*cpu, plan["y"])[0], 2) << in_update;
  }
}

}  // namespace
}  // namespace dlfs::testing
