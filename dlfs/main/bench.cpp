#include <algorithm>
#include <iostream>
#include <set>

#include "dlfs/base/error.h"
#include "dlfs/base/random.h"
#include "dlfs/graph/profile.h"
#include "dlfs/main/bench_report.h"
#include "dlfs/main/verbs.h"
#include "dlfs/models/layers.h"
#include "dlfs/ops/adam/adam.h"
#include "dlfs/ops/avg_pool/avg_pool.h"
#include "dlfs/ops/concat/concat.h"
#include "dlfs/ops/dropout/dropout.h"
#include "dlfs/ops/element_loss/element_loss.h"
#include "dlfs/ops/elementwise/elementwise.h"
#include "dlfs/ops/max_pool/max_pool.h"
#include "dlfs/ops/reduce/reduce.h"
#include "dlfs/ops/sgd/sgd.h"
#include "dlfs/ops/softmax_cross_entropy/softmax_cross_entropy.h"
#include "dlfs/ops/upsample/upsample.h"

namespace dlfs {
namespace {

// ---- the list of `bench ops`: a row more is a line more ----

Value conv_of(Value x, int filters, int size, const ConvSettings& settings = {}) {
  return conv_layer("conv", x, {.filters = filters, .size = size, .settings = settings});
}

Value linear_of(Value x, int outputs) { return linear_layer("linear", x, {.outputs = outputs}); }

Value loss_of(Value logits) {
  const Shape s = logits.shape();
  return softmax_cross_entropy(logits, logits.trace().input("labels", {{s.n, s.h, s.w, 1}, DType::i32}));
}

// Another tensor that comes from outside.
Value other(Value x, const Shape& shape) { return x.trace().input("other", {shape}); }
Value other(Value x) { return other(x, x.shape()); }

// The update of x itself.
Value sgd_of(Value x) {
  sgd(x.trace(), x.trace().input("rate", {{1, 1, 1, 1}}));
  return x;
}

Value adam_of(Value x) {
  adam(x.trace(), x.trace().input("rate", {{1, 1, 1, 1}}));
  return x;
}

struct OpRow {
  const char* name;
  Shape x;                  // of its input; n = 0: --batch
  Value (*build)(Value x);  // gives the op's output, or a loss
};

const OpRow op_rows[] = {
    {"conv 5x5 1>20 @28", {0, 28, 28, 1}, [](Value x) { return conv_of(x, 20, 5); }},
    {"conv 5x5 20>50 @12", {0, 12, 12, 20}, [](Value x) { return conv_of(x, 50, 5); }},
    {"conv 7x7/2 3>64 @224",
     {0, 224, 224, 3},
     [](Value x) { return conv_of(x, 64, 7, {.stride = 2, .pad = 3}); }},
    {"conv 3x3 64>64 @56", {0, 56, 56, 64}, [](Value x) { return conv_of(x, 64, 3, {.pad = 1}); }},
    {"conv 1x1 64>256 @56", {0, 56, 56, 64}, [](Value x) { return conv_of(x, 256, 1); }},
    {"conv 3x3 512>512 @7", {0, 7, 7, 512}, [](Value x) { return conv_of(x, 512, 3, {.pad = 1}); }},
    {"linear 800>500", {0, 4, 4, 50}, [](Value x) { return linear_of(x, 500); }},
    {"linear 2048>1000", {0, 1, 1, 2048}, [](Value x) { return linear_of(x, 1000); }},
    {"max_pool 2/2 20 @24", {0, 24, 24, 20}, [](Value x) { return max_pool(x, {.size = 2}); }},
    {"max_pool 3/2 64 @112",
     {0, 112, 112, 64},
     [](Value x) { return max_pool(x, {.size = 3, .stride = 2, .pad = 1}); }},
    {"avg_pool 2/2 64 @56", {0, 56, 56, 64}, [](Value x) { return avg_pool(x); }},
    {"mean h,w 2048 @7", {0, 7, 7, 2048}, global_average_pool},
    {"upsample nearest 256 @28", {0, 28, 28, 256}, [](Value x) { return upsample(x, {.factor = 2}); }},
    {"upsample bilinear 256 @28",
     {0, 28, 28, 256},
     [](Value x) { return upsample(x, {.factor = 2, .interpolation = Interpolation::bilinear}); }},
    {"concat 64+64 @56",
     {0, 56, 56, 64},
     [](Value x) {
       return concat({x, other(x)});
     }},
    {"add 256 @56", {0, 56, 56, 256}, [](Value x) { return add(x, other(x)); }},
    {"relu 256 @56", {0, 56, 56, 256}, [](Value x) { return relu(x); }},
    {"multiply by channels 256 @56",
     {0, 56, 56, 256},
     [](Value x) {
       return multiply(x, other(x, {1, 1, 1, x.shape().c}));
     }},
    {"dropout 4096", {0, 1, 1, 4096}, [](Value x) { return dropout(x); }},
    {"sigmoid_cross_entropy 720 @28",
     {0, 28, 28, 720},
     [](Value x) { return sigmoid_cross_entropy(x, other(x)); }},
    {"mean_squared_error 36 @28", {0, 28, 28, 36}, [](Value x) { return mean_squared_error(x, other(x)); }},
    {"smooth_l1 36 @28", {0, 28, 28, 36}, [](Value x) { return smooth_l1(x, other(x)); }},
    {"softmax_cross_entropy 10", {0, 1, 1, 10}, loss_of},
    {"softmax_cross_entropy 1000", {0, 1, 1, 1000}, loss_of},
    {"sgd 431,000", {431, 1, 1, 1000}, sgd_of},
    {"sgd 25,600,000", {256, 1, 1, 100000}, sgd_of},
    {"adam 431,000", {431, 1, 1, 1000}, adam_of},
    {"adam 25,600,000", {256, 1, 1, 100000}, adam_of},
};

// ---- how they are run ----

// Labels, a rate and another tensor, where the plan takes them.
void upload_inputs(Device& device, const Plan& plan, int classes) {
  const auto takes = [&](const char* name) { return plan.schedule().names.count(name) != 0; };
  const auto count = [&](const char* name) { return static_cast<size_t>(plan[name].shape().count()); };
  if (takes("labels")) {
    std::vector<int32_t> numbers(count("labels"));
    for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<int32_t>(i % classes);
    device.upload(plan["labels"], numbers.data(), device.stream());
    device.synchronize(device.stream());
  }
  if (takes("other")) {
    std::vector<float> numbers(count("other"));
    const Random random(key_of("bench"));
    for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = random.uniform(i);
    device.upload(plan["other"], numbers.data(), device.stream());
    device.synchronize(device.stream());
  }
  constexpr float rate = 0.01F;
  if (takes("rate")) device.upload(plan["rate"], &rate, device.stream());
}

void bench_op(const OpRow& row, const BenchCommand& command, Device& device, BenchReport& report) {
  State state(1);
  Trace trace(state, {.mode = Mode::train, .precision = command.precision});
  Shape shape = row.x;
  if (shape.n == 0) shape.n = command.batch;
  // A parameter, so that its gradient is wanted; the loss behind the op sends it one.
  const Value x =
      trace.param(state.add("x", {shape}, Role::parameter, {.kind = Init::Kind::uniform, .value = 1}));
  Value y;
  {
    const auto scope = trace.scope("op");
    y = row.build(x);
  }
  trace.loss("loss", y.shape().count() == 1 ? y : loss_of(y));
  Plan plan(std::move(trace));
  plan.compile(device);
  upload_inputs(device, plan, 1);
  plan.run(device.stream());
  device.synchronize(device.stream());
  for (const Step& step : plan.steps()) {
    if (step.path.rfind("op", 0) != 0) continue;
    const StepTime time = time_step(device, step);
    report.add(
        {{"op", row.name, 29},
         {"half",
          step.backward           ? "backward"
          : step.site.out.empty() ? "update"
                                  : "forward",
          8},
         {"n", shape.n}},
        {.seconds = time.seconds, .floor = floor_seconds(time.cost, report.rates()), .cost = time.cost},
        {{"engine", step.kernel->engine()}});
  }
}

std::vector<OpRow> rows_named(const std::string& part) {
  std::vector<OpRow> rows;
  std::set<std::string> ops;
  for (const OpRow& row : op_rows) {
    const std::string name = row.name;
    if (name.find(part) != std::string::npos) rows.push_back(row);
    ops.insert(name.substr(0, name.find(' ')));
  }
  if (rows.empty())
    throw UsageError(
        "bench", concat("no op's name holds ", part, "; there are ", join({ops.begin(), ops.end()}, ", ")));
  return rows;
}

// The training step on one batch of random numbers, over and over.
void bench_train(const Model& model, const BenchCommand& command, Device& device, BenchReport& report) {
  constexpr int classes = 10, first_steps = 20;
  constexpr double shortest_round = 0.02;  // seconds: so that a wait at its end counts for little
  State state(1);
  Trace trace(state, {.mode = Mode::train, .precision = command.precision});
  trace_training_step(trace, model, classes, {.batch = command.batch, .precision = command.precision});
  Plan plan(std::move(trace));
  plan.compile(device);

  const Stream stream = device.stream();
  const Random random(key_of("bench"));
  std::vector<float> images(static_cast<size_t>(plan["images"].shape().count()));
  for (size_t i = 0; i < images.size(); ++i) images[i] = random.normal(i);
  device.upload(plan["images"], images.data(), stream);
  upload_inputs(device, plan, classes);
  const auto run = [&](int steps) {
    for (int i = 0; i < steps; ++i) plan.run(stream);
    device.synchronize(stream);
  };
  const auto loss = [&](int steps) {
    run(steps);
    float value = 0;
    device.download(plan["loss"], &value, stream);
    return double{value};
  };
  const double first_loss = loss(1), last_loss = loss(first_steps - 1);
  const int steps = std::clamp(static_cast<int>(shortest_round / measure([&] { run(1); }).median), 1, 1000);
  const double seconds = measure([&] { run(steps); }).median / steps;

  Cost cost;
  double floor = 0;
  for (const Step& step : plan.steps()) {
    const Cost of_step = cost_of(step);
    cost += of_step;
    floor += floor_seconds(of_step, report.rates());
  }
  report.add({{"model", model.name, 10},
              {"batch", command.batch, 5},
              {"images_per_s", static_cast<int64_t>(command.batch / seconds), 12}},
             {.seconds = seconds, .floor = floor, .cost = cost},
             {{"first_loss", first_loss}, {concat("loss_after_", first_steps), last_loss, 13}});
}

}  // namespace

void run_bench(const BenchCommand& command, std::ostream& out) {
  const Model* model = command.what == "train" ? &find_model(command.name) : nullptr;
  const std::vector<OpRow> rows = command.what == "ops" ? rows_named(command.name) : std::vector<OpRow>{};
  // What is said of the machine must not stand between the lines that a program reads.
  const std::unique_ptr<Device> device = open_device(command.device, command.precision, std::cerr);
  if (command.what == "load") return run_bench_load(command, *device, out);
  BenchReport report(command, *device, out);
  if (model != nullptr) bench_train(*model, command, *device, report);
  for (const OpRow& row : rows) bench_op(row, command, *device, report);
}

}  // namespace dlfs
