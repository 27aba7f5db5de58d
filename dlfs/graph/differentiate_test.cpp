#include <gtest/gtest.h>

#include "dlfs/graph/plan.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/null_function.h"

namespace dlfs::testing {
namespace {

const Spec map_spec{{2, 4, 4, 3}};

struct Model {
  State state{1};
  Trace trace{state};
  Value param(const std::string& name) { return trace.param(state.add(name, map_spec, Role::parameter, {})); }
  Value input(const std::string& name) { return trace.input(name, map_spec); }
  void loss(const std::string& name, Value of) {
    trace.loss(name, apply_null({.name = "loss of " + name, .scalar = true}, {of})[0]);
  }
};

std::vector<std::string> order(const Schedule& schedule) {
  std::vector<std::string> names;
  for (const Task& task : schedule.tasks)
    names.push_back(task.function->name() + (task.backward ? " backward" : ""));
  return names;
}

const Task& task(const Schedule& schedule, const std::string& name, bool backward) {
  for (const Task& of : schedule.tasks)
    if (of.function->name() == name && of.backward == backward) return of;
  throw std::runtime_error("no task " + name);
}

using Names = std::vector<std::string>;

TEST(Differentiate, RunsBackwardInTheOppositeOrder) {
  Model m;
  const Value a = apply_null({.name = "a"}, {m.input("x"), m.param("w")})[0];
  const Value b = apply_null({.name = "b"}, {a})[0];
  m.loss("loss", b);
  EXPECT_EQ(order(differentiate(m.trace.graph())),
            (Names{"a", "b", "loss of loss", "loss of loss backward", "b backward", "a backward"}));
}

TEST(Differentiate, SkipsWhatNoParameterLiesBehind) {
  Model m;
  const Value fixed = apply_null({.name = "fixed"}, {m.input("x")})[0];
  const Value mixed = apply_null({.name = "mixed"}, {fixed, m.param("w")})[0];
  m.loss("loss", mixed);
  const Schedule schedule = differentiate(m.trace.graph());
  EXPECT_EQ(order(schedule),
            (Names{"fixed", "mixed", "loss of loss", "loss of loss backward", "mixed backward"}));
  const Task& backward = task(schedule, "mixed", true);
  EXPECT_EQ(backward.d_in[0].second, Write::skip);
  EXPECT_EQ(backward.d_in[1].second, Write::set);
  EXPECT_EQ(schedule.slots[backward.d_in[1].first].home, Home::gradient);
}

TEST(Differentiate, FirstWriterSetsAndLaterOnesAdd) {
  Model m;
  const Value w = m.param("w");
  const Value a = apply_null({.name = "a"}, {m.input("x"), w})[0];
  const Value b = apply_null({.name = "b"}, {a, a, w})[0];  // a twice in one call, w in two
  m.loss("loss", b);
  const Schedule schedule = differentiate(m.trace.graph());
  const Task& last = task(schedule, "b", true);
  EXPECT_EQ(last.d_in[0].second, Write::set);
  EXPECT_EQ(last.d_in[1].second, Write::add);
  EXPECT_EQ(last.d_in[0].first, last.d_in[1].first);
  EXPECT_EQ(last.d_in[2].second, Write::set);
  const Task& first = task(schedule, "a", true);
  EXPECT_EQ(first.d_in[1].second, Write::add);
  EXPECT_EQ(first.d_in[1].first, last.d_in[2].first);
}

TEST(Differentiate, SeveralLossesMeetInOneGradient) {
  Model m;
  const Value a = apply_null({.name = "a"}, {m.param("w")})[0];
  m.loss("one", a);
  m.trace.loss("two", apply_null({.name = "loss of two", .scalar = true}, {a})[0], 0.5f);
  const Schedule schedule = differentiate(m.trace.graph());
  EXPECT_EQ(task(schedule, "loss of two", true).d_in[0].second, Write::set);
  EXPECT_EQ(task(schedule, "loss of one", true).d_in[0].second, Write::add);
  EXPECT_EQ(schedule.slots[task(schedule, "loss of two", true).d_out[0]].home, Home::seed);
  EXPECT_EQ(schedule.slots[task(schedule, "loss of two", true).d_out[0]].origin, 1);
}

TEST(Differentiate, ShowsBackwardOnlyWhatItDeclared) {
  Model m;
  const Value x = m.input("x"), w = m.param("w");
  const Value y = apply_null({.name = "f", .saved = 1, .needs = {.inputs = {1}, .outputs = {}}}, {x, w})[0];
  m.loss("loss", y);
  const Schedule schedule = differentiate(m.trace.graph());
  const Task& backward = task(schedule, "f", true);
  EXPECT_EQ(backward.in[0], -1);
  EXPECT_NE(backward.in[1], -1);
  EXPECT_EQ(backward.out[0], -1);
  EXPECT_EQ(backward.saved, task(schedule, "f", false).saved);
  EXPECT_NE(backward.saved[0], -1);
}

TEST(Differentiate, SavesNothingWhereNoBackwardFollows) {
  Model m;
  const Value y = apply_null({.name = "f", .saved = 2}, {m.input("x"), m.param("w")})[0];
  m.trace.output("y", y);
  const Schedule schedule = differentiate(m.trace.graph());
  EXPECT_EQ(order(schedule), Names{"f"});
  EXPECT_EQ(schedule.tasks[0].saved, (std::vector<int>{-1, -1}));
}

TEST(Differentiate, AnAbsentInputStaysAbsent) {
  Model m;
  const Value y = apply_null({.name = "f"}, {m.param("w"), Value{}})[0];
  m.loss("loss", y);
  const Schedule schedule = differentiate(m.trace.graph());
  EXPECT_EQ(task(schedule, "f", false).in[1], -1);
  EXPECT_EQ(task(schedule, "f", true).d_in[1].second, Write::skip);
}

TEST(Differentiate, AnUnusedOutputHasNoGradient) {
  Model m;
  const std::vector<Value> both = apply_null({.name = "f", .outputs = 2}, {m.param("w")});
  m.loss("loss", both[1]);
  const Schedule schedule = differentiate(m.trace.graph());
  const Task& backward = task(schedule, "f", true);
  EXPECT_EQ(backward.d_out[0], -1);
  EXPECT_NE(backward.d_out[1], -1);
}

TEST(Differentiate, ReadersComeBeforeAWriteInPlace) {
  Model m;
  const Value statistic = m.trace.param(m.state.add("mean", map_spec, Role::statistic, {}));
  const Value x = m.input("x");
  const Value a = apply_null({.name = "writer", .updates = {1}}, {x, statistic})[0];
  const Value b = apply_null({.name = "reader"}, {x, statistic})[0];
  m.trace.output("a", a);
  m.trace.output("b", b);
  EXPECT_EQ(order(differentiate(m.trace.graph())), (Names{"reader", "writer"}));
}

TEST(Differentiate, RefusesAReadBehindTheWriteItDependsOn) {
  Model m;
  const Value statistic = m.trace.param(m.state.add("mean", map_spec, Role::statistic, {}));
  const Value a = apply_null({.name = "writer", .updates = {1}}, {m.input("x"), statistic})[0];
  apply_null({.name = "reader"}, {a, statistic});
  expect_error<ShapeError>(
      [&] { differentiate(m.trace.graph()); },
      "[trace] writer writes an input in place that a later layer reads; read it before, or copy it");
}

TEST(Differentiate, RefusesABackwardThatWouldReadAnOverwrittenInput) {
  Model m;
  const Value statistic = m.trace.param(m.state.add("mean", map_spec, Role::statistic, {}));
  const Value y = apply_null({.name = "writer", .needs = {.inputs = {1}, .outputs = {}}, .updates = {1}},
                             {m.param("w"), statistic})[0];
  m.loss("loss", y);
  expect_error<ShapeError>([&] { differentiate(m.trace.graph()); },
                           "[writer] writer: backward reads mean, which writer writes in place");
}

TEST(Differentiate, RefusesABackwardThatWouldReadAnOverwrittenOutput) {
  Model m;
  const Value y = apply_null({.name = "f", .needs = {.inputs = {}, .outputs = {0}}}, {m.param("w")})[0];
  const Value z = apply_null({.name = "writer", .updates = {0}}, {y})[0];
  m.loss("loss", z);
  expect_error<ShapeError>([&] { differentiate(m.trace.graph()); },
                           "[f] f: backward reads f, which writer writes in place");
}

TEST(Differentiate, RefusesALossThatIsUsedFurther) {
  Model m;
  const Value loss = apply_null({.name = "f", .scalar = true}, {m.param("w")})[0];
  m.trace.loss("loss", loss);
  apply_null({.name = "g"}, {loss});
  expect_error<ShapeError>(
      [&] { differentiate(m.trace.graph()); },
      "[g] g: takes the loss loss as an input; losses add up by themselves, declare each");
}

TEST(Differentiate, RefusesAGradientThatNeverComes) {
  Model m;
  const Value w = m.param("w"), lonely = m.param("lonely");
  m.loss("loss", apply_null({.name = "f"}, {w})[0]);
  m.trace.output("d_lonely", m.trace.gradient(lonely));
  expect_error<ShapeError>([&] { differentiate(m.trace.graph()); },
                           "[trace] lonely gets no gradient: no loss depends on it");
}

TEST(Trace, NamesThePathOfWhatDoesNotFit) {
  Model m;
  m.input("x");
  const Trace::Scope outer = m.trace.scope("layer1"), inner = m.trace.scope("conv2");
  EXPECT_EQ(m.trace.path("weight"), "layer1.conv2.weight");
  expect_error<ShapeError>([&] { m.input("x"); },
                           "[trace] input x is there already; give the second one another name");
}

TEST(Trace, OneParameterTwiceInOneTraceIsRefused) {
  Model m;
  m.param("w");
  expect_error<ShapeError>(
      [&] { m.param("w"); },
      "[trace] w is used twice in one trace; keep the Value, or give one a scope of its own");
}

TEST(Trace, FindsAParameterThatItHas) {
  State state(1);
  const Param w = state.add("w", {{1, 1, 1, 3}}, Role::parameter, {});
  Trace first(state), second(state);
  EXPECT_FALSE(first.find(w));
  const Value used = first.param(w);
  EXPECT_EQ(first.name(first.find(w)), "w");
  EXPECT_EQ(first.find(w).shape(), used.shape());
  EXPECT_FALSE(second.find(w));
}

TEST(Trace, RefusesTwoLossesOnOneValue) {
  Model m;
  const Value loss = apply_null({.name = "f", .scalar = true}, {m.param("w")})[0];
  m.trace.loss("one", loss);
  expect_error<ShapeError>(
      [&] { m.trace.loss("two", loss, 2); },
      "[trace] loss two is the value of loss one already; give one of them both weights");
}

TEST(Trace, RefusesAGradientAsAnInputOfForward) {
  Model m;
  const Value w = m.param("w");
  expect_error<ShapeError>([&] { apply_null({.name = "f"}, {m.trace.gradient(w)}); },
                           "[f] f: takes the gradient d_w, but gradients exist in updates only");
}

TEST(Trace, RefusesOneNameForAnInputAndAnOutput) {
  Model m;
  const Value x = m.input("x");
  expect_error<ShapeError>([&] { m.trace.output("x", x); },
                           "[trace] x is an input already; give the output another name");
  m.trace.output("y", x);
  expect_error<ShapeError>([&] { m.input("y"); },
                           "[trace] y is an output already; give the input another name");
}

TEST(Trace, RefusesSizesThatKernelsCannotCount) {
  Model m;
  expect_error<ShapeError>(
      [&] {
        m.trace.input("x", {{1, 60000, 60000, 3}});
      },
      "[trace] input x is f32 [1,60000,60000,3], more than 2147483647 elements; use a smaller batch "
      "or image");
  expect_error<ShapeError>(
      [&] {
        m.trace.input("x", {{2, -4, -4, 3}});
      },
      "[trace] input x is f32 [2,-4,-4,3], but every extent must be at least 1");
  expect_error<ShapeError>(
      [&] {
        m.trace.input("x", {{2147483647, 2147483647, 2147483647, 2147483647}});
      },
      "[trace] input x is f32 [2147483647,2147483647,2147483647,2147483647], more than 2147483647 "
      "elements; use a smaller batch or image");
}

TEST(State, GivesTheSameParamForTheSameNameAndSpecOnly) {
  State state(1);
  const Param first = state.add("w", map_spec, Role::parameter, {});
  EXPECT_EQ(state.add("w", map_spec, Role::parameter, {}).index, first.index);
  expect_error<ShapeError>(
      [&] {
        state.add("w", {{1, 1, 1, 3}}, Role::parameter, {});
      },
      "[state] w is f32 [2,4,4,3] already and cannot be f32 [1,1,1,3] too; give one of the two "
      "another name");
}

}  // namespace
}  // namespace dlfs::testing
