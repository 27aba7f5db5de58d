// The list of `bench ops`, a row more is a line more; and how a row is run.
#include <set>

#include "dlfs/base/error.h"
#include "dlfs/base/random.h"
#include "dlfs/graph/profile.h"
#include "dlfs/main/bench.h"
#include "dlfs/models/layers.h"
#include "dlfs/ops/adam/adam.h"
#include "dlfs/ops/avg_pool/avg_pool.h"
#include "dlfs/ops/batch_norm/batch_norm.h"
#include "dlfs/ops/concat/concat.h"
#include "dlfs/ops/dropout/dropout.h"
#include "dlfs/ops/element_loss/element_loss.h"
#include "dlfs/ops/elementwise/elementwise.h"
#include "dlfs/ops/max_pool/max_pool.h"
#include "dlfs/ops/prepare/prepare.h"
#include "dlfs/ops/reduce/reduce.h"
#include "dlfs/ops/sgd/sgd.h"
#include "dlfs/ops/softmax_cross_entropy/softmax_cross_entropy.h"
#include "dlfs/ops/upsample/upsample.h"
#include "dlfs/tensor/half.h"
#include "dlfs/train/start.h"

namespace dlfs {
namespace {

using Kind = OpRow::Kind;

// A parameter, so that its gradient is wanted; in the precision's type, or in f32.
Value param(Trace& trace, const std::string& name, const Shape& shape, bool matrix) {
  const Param made =
      trace.state().add(name, {shape}, Role::parameter, {.kind = Init::Kind::uniform, .value = 1});
  return matrix ? trace.weight(made) : trace.param(made);
}

Value conv_of(Value x, int filters, int size, const ConvSettings& settings = {}, bool bias = true) {
  return conv_layer("conv", x, {.filters = filters, .size = size, .bias = bias, .settings = settings});
}

Value linear_of(Value x, int outputs) { return linear_layer("linear", x, {.outputs = outputs}); }

Value loss_of(Value logits) {
  const Shape s = logits.shape();
  return softmax_cross_entropy(logits, logits.trace().input("labels", {{s.n, s.h, s.w, 1}, DType::i32}));
}

// Another tensor that comes from outside.
Value other(Value x, const Shape& shape) { return x.trace().input("other", {shape, x.spec().dtype}); }
Value other(Value x) { return other(x, x.shape()); }

BatchNorm norm_of(Value x, const std::string& name) {
  Trace& trace = x.trace();
  const auto add = [&](const char* what, Role role, float value) {
    return trace.param(trace.state().add(name + what, {{1, 1, 1, x.shape().c}}, role, {.value = value}));
  };
  return {.scale = add(".weight", Role::parameter, 1),
          .bias = add(".bias", Role::parameter, 0),
          .mean = add(".running_mean", Role::statistic, 0),
          .variance = add(".running_var", Role::statistic, 1)};
}

Value join_of(Value x, bool projects) {
  const Value shortcut = param(x.trace(), "shortcut", x.shape(), true);
  return norm_add_act(x, norm_of(x, "norm"),
                      {shortcut, projects ? norm_of(shortcut, "shortcut_norm") : BatchNorm{}},
                      {.relu = true});
}

Value prepare_of(Value pixels) {
  const Value looks = pixels.trace().input("looks", {{pixels.shape().n, 1, 1, look_numbers}});
  return prepare(pixels, looks, imagenet_statistics());
}

// The update of x itself.
Value sgd_of(Value x) {
  sgd(x.trace(), x.trace().input("rate", {{1, 1, 1, 1}}), {.weight_decay = 1e-4F});
  return x;
}

Value adam_of(Value x) {
  adam(x.trace(), x.trace().input("rate", {{1, 1, 1, 1}}));
  return x;
}

const std::vector<OpRow>& other_rows() {
  static const std::vector<OpRow> rows = {
      {"conv 5x5 1>20 @28", {0, 28, 28, 1}, [](Value x) { return conv_of(x, 20, 5); }},
      {"conv 5x5 20>50 @12", {0, 12, 12, 20}, [](Value x) { return conv_of(x, 50, 5); }},
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
       [](Value x) { return sigmoid_cross_entropy(x, other(x)); },
       Kind::numbers},
      {"mean_squared_error 36 @28",
       {0, 28, 28, 36},
       [](Value x) { return mean_squared_error(x, other(x)); },
       Kind::numbers},
      {"smooth_l1 36 @28", {0, 28, 28, 36}, [](Value x) { return smooth_l1(x, other(x)); }, Kind::numbers},
      {"softmax_cross_entropy 10", {0, 1, 1, 10}, loss_of, Kind::numbers},
      {"softmax_cross_entropy 1000", {0, 1, 1, 1000}, loss_of, Kind::numbers},
      {"sgd 431,000", {431, 1, 1, 1000}, sgd_of},
      {"sgd 25,600,000", {256, 1, 1, 100000}, sgd_of},
      {"adam 431,000", {431, 1, 1, 1000}, adam_of},
      {"adam 25,600,000", {256, 1, 1, 100000}, adam_of},
      {"prepare 224", {0, 224, 224, 3}, prepare_of, Kind::pixels},
  };
  return rows;
}

// The convolutions of ResNet-50, its first one also as Tensor Cores like it; what is left out has no bias.
struct ConvRow {
  int channels, filters, size, side;
  ConvSettings settings = {};
};
constexpr ConvRow conv_rows[] = {
    {3, 64, 7, 224, {.stride = 2, .pad = 3}},
    {4, 64, 7, 224, {.stride = 2, .pad = 3}},
    {16, 64, 4, 115},
    {64, 64, 1, 56},
    {64, 64, 3, 56, {.pad = 1}},
    {64, 256, 1, 56},
    {256, 64, 1, 56},
    {256, 128, 1, 56},
    {128, 128, 3, 56, {.stride = 2, .pad = 1}},
    {128, 512, 1, 28},
    {256, 512, 1, 56, {.stride = 2}},
    {512, 128, 1, 28},
    {128, 128, 3, 28, {.pad = 1}},
    {512, 256, 1, 28},
    {256, 256, 3, 28, {.stride = 2, .pad = 1}},
    {256, 1024, 1, 14},
    {512, 1024, 1, 28, {.stride = 2}},
    {1024, 256, 1, 14},
    {256, 256, 3, 14, {.pad = 1}},
    {1024, 512, 1, 14},
    {512, 512, 3, 14, {.stride = 2, .pad = 1}},
    {512, 2048, 1, 7},
    {1024, 2048, 1, 14, {.stride = 2}},
    {2048, 512, 1, 7},
    {512, 512, 3, 7, {.pad = 1}},
};

// Channels and side of maps: of the norms inside ResNet-50's blocks, and of those where a block ends.
constexpr int inner_maps[][2] = {{64, 112}, {64, 56},  {128, 56}, {128, 28},
                                 {256, 28}, {256, 14}, {512, 14}, {512, 7}};
constexpr int joined_maps[][2] = {{256, 56}, {512, 28}, {1024, 14}, {2048, 7}};

std::vector<OpRow> all_rows() {
  std::vector<OpRow> rows;
  for (const ConvRow& of : conv_rows)
    rows.push_back({concat("conv ", of.size, "x", of.size, of.settings.stride > 1 ? "/2 " : " ", of.channels,
                           ">", of.filters, " @", of.side),
                    {0, of.side, of.side, of.channels},
                    [of](Value x) { return conv_of(x, of.filters, of.size, of.settings, false); }});
  for (const auto [c, side] : inner_maps)
    rows.push_back({concat("batch_norm ", c, " @", side), {0, side, side, c}, [](Value x) {
                      return norm_act(x, norm_of(x, "norm"), {.relu = true});
                    }});
  for (const bool projects : {false, true})
    for (const auto [c, side] : joined_maps)
      rows.push_back({concat("batch_norm join", projects ? " two " : " ", c, " @", side),
                      {0, side, side, c},
                      [projects](Value x) { return join_of(x, projects); }});
  rows.insert(rows.end(), other_rows().begin(), other_rows().end());
  return rows;
}

// What stands behind an op: its gradient is what was uploaded to "d_y", so that of backward's time none is another op's.
class End : public Function {
 public:
  std::string name() const override { return "end"; }
  Signature infer(const Inputs&) const override { return {.outputs = {{{1, 1, 1, 1}}}}; }
  KernelPtr forward(Device&, const Site&) const override { return std::make_unique<Nothing>(); }
  KernelPtr backward(Device&, const Site&) const override { return std::make_unique<Nothing>(); }

 private:
  struct Nothing : Kernel {
    void run(Stream) override {}
  };
};

void trace_row(Trace& trace, const OpRow& row, int batch) {
  Shape shape = row.x;
  if (shape.n == 0) shape.n = batch;
  const Value x = row.kind == Kind::pixels ? trace.input("x", {shape, DType::u8})
                                           : param(trace, "x", shape, row.kind == Kind::maps);
  Value y;
  {
    const auto scope = trace.scope("op");
    y = row.build(x);
  }
  if (row.kind == Kind::pixels) return trace.output("y", y);
  const bool is_loss = y.shape().count() == 1 && y.spec().dtype == DType::f32;
  trace.loss("loss", is_loss ? y : trace.apply(std::make_shared<End>(), {y})[0]);
  if (!is_loss) trace.output("d_y", trace.gradient(y));
}

}  // namespace

void upload_numbers(Device& device, const Tensor& to, const std::vector<float>& numbers) {
  std::vector<std::byte> content(bytes(to.spec));
  if (is_float(to.spec.dtype))
    convert(numbers.data(), DType::f32, content.data(), to.spec.dtype, numbers.size());
  else
    for (size_t i = 0; i < numbers.size(); ++i)
      set_number(content.data(), to.spec.dtype, i, static_cast<int>(numbers[i]));
  device.upload(to, content.data(), device.stream());
  device.synchronize(device.stream());
}

void upload_inputs(Device& device, const Plan& plan, int classes) {
  const Random random(key_of("bench"));
  for (const auto& [name, index] : plan.schedule().names) {
    const Slot& slot = plan.schedule().slots[index];
    if (name != "d_y" && (slot.home != Home::arena || slot.first >= 0)) continue;
    std::vector<float> numbers(static_cast<size_t>(slot.spec.shape.count()));
    for (size_t i = 0; i < numbers.size(); ++i)
      numbers[i] = name == "labels"               ? static_cast<float>(i % classes)
                   : name == "rate"               ? 0.01F
                   : slot.spec.dtype == DType::u8 ? static_cast<float>(random.below(i, 256))
                   : name == "looks"              ? i % look_numbers < 2 ? 8192.0F : random.uniform(i)
                                                  : random.uniform(i);
    if (name == "looks")  // no image is turned, nor is a part of it erased
      for (size_t i = 0; i < numbers.size(); ++i)
        if (i % look_numbers >= 2 && i % look_numbers < 8) numbers[i] = 0;
    upload_numbers(device, plan[name], numbers);
  }
}

std::vector<OpRow> op_rows_named(const std::string& part) {
  std::vector<OpRow> rows;
  std::set<std::string> ops;
  for (const OpRow& row : all_rows()) {
    if (row.name.find(part) != std::string::npos) rows.push_back(row);
    ops.insert(row.name.substr(0, row.name.find(' ')));
  }
  if (rows.empty())
    throw UsageError(
        "bench", concat("no op's name holds ", part, "; there are ", join({ops.begin(), ops.end()}, ", ")));
  return rows;
}

void bench_op(const OpRow& row, const BenchCommand& command, Device& device, BenchReport& report) {
  State state(1);
  Trace trace(state, {.mode = Mode::train, .precision = command.precision});
  trace_row(trace, row, command.batch);
  const int64_t images = row.x.n == 0 ? command.batch : row.x.n;
  Plan plan(std::move(trace));
  plan.compile(device);
  upload_inputs(device, plan, 1);
  plan.run(device.stream());
  upload_inputs(device, plan, 1);  // d_y's place may have held something else before
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
         {"n", images}},
        {.seconds = time.seconds, .floor = floor_seconds(time.cost, report.rates()), .cost = time.cost},
        {{"engine", step.kernel->engine()}});
  }
}

}  // namespace dlfs
