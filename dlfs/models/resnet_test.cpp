#include "dlfs/models/resnet.h"

#include <gtest/gtest.h>

#include <cmath>

#include "dlfs/graph/plan.h"
#include "dlfs/models/file_layout.h"
#include "dlfs/models/initialisers.h"
#include "dlfs/models/models.h"
#include "dlfs/ops/batch_norm/batch_norm.h"
#include "dlfs/ops/sgd/sgd.h"
#include "dlfs/ops/softmax_cross_entropy/softmax_cross_entropy.h"
#include "dlfs/ops/stem/stem.h"
#include "dlfs/tensor/half.h"
#include "dlfs/testing/devices.h"
#include "dlfs/testing/golden.h"
#include "dlfs/testing/op_checks.h"

namespace dlfs::testing {
namespace {

// What tracing a model gives: its names, and how many calls of each function.
struct Traced {
  State state{1};
  std::map<std::string, int> calls;
  Shape logits;
};

Traced traced(const Model& model, const TraceSettings& settings, int classes, ImageForm form) {
  Traced made;
  Trace trace(made.state, settings);
  const Shape images{2, model.input.h, model.input.w, model.input.c};
  made.logits =
      model.build(trace.input("images", {formed(images, form), matrix_type(settings.precision)}), classes)
          .shape();
  for (const Graph::Call& call : trace.graph().calls) ++made.calls[call.function->name()];
  return made;
}

// As torchvision counts them, or for the small ones the paper.
struct Counted {
  std::string name;
  int classes;
  int64_t parameters;
  int norms;
};
const std::vector<Counted> counted = {
    {"resnet18", 1000, 11689512, 20},     {"resnet34", 1000, 21797672, 36},
    {"resnet50", 1000, 25557032, 53},     {"resnet101", 1000, 44549160, 104},
    {"resnet152", 1000, 60192808, 155},   {"resnext50_32x4d", 1000, 25028904, 53},
    {"resnet18_small", 10, 11173962, 20}, {"resnet20", 10, 269722, 19},
    {"resnet32", 10, 464154, 31},         {"resnet44", 10, 658586, 43},
    {"resnet56", 10, 853018, 55},
};

TEST(ResNets, HaveTheParametersThatTheyShould) {
  for (const Counted& is : counted)
    for (const Mode mode : {Mode::train, Mode::infer}) {
      const Traced net = traced(find_model(is.name), {.mode = mode}, is.classes, ImageForm::plain);
      EXPECT_EQ(net.state.parameter_count(), is.parameters) << is.name;
      EXPECT_EQ(net.logits, (Shape{2, 1, 1, is.classes})) << is.name;
      int64_t statistics = 0;
      for (const State::Entry& entry : net.state.entries()) statistics += entry.role == Role::statistic;
      EXPECT_EQ(statistics, 2 * is.norms) << is.name;
    }
}

// In training a norm behind each convolution; the projections' are applied with the sum. In inference none is left.
TEST(ResNets, FoldTheirNormsInInference) {
  const Model& model = find_model("resnet50");
  const Traced train = traced(model, {.mode = Mode::train}, 10, ImageForm::plain);
  EXPECT_EQ(train.calls.at("conv"), 53);
  EXPECT_EQ(train.calls.at("batch_norm"), 49);
  EXPECT_EQ(train.calls.count("fold_norm"), 0U);
  const Traced infer = traced(model, {.mode = Mode::infer}, 10, ImageForm::plain);
  EXPECT_EQ(infer.calls.at("conv"), 53);
  EXPECT_EQ(infer.calls.count("batch_norm"), 0U);
  EXPECT_EQ(infer.calls.at("fold_norm"), 53);
}

// Whatever form the images come in, the parameters are the same.
TEST(ResNets, TakeImagesInEachFormOfTheirStem) {
  for (const Model& model : models()) {
    if (model.stem == Stem::plain) continue;
    const ImageForm form = model.stem == Stem::blocks ? ImageForm::blocks : ImageForm::padded;
    for (const Mode mode : {Mode::train, Mode::infer}) {
      const Traced plain = traced(model, {.mode = mode}, 10, ImageForm::plain);
      const Traced formed = traced(model, {.mode = mode}, 10, form);
      EXPECT_EQ(formed.calls.at("stem_filter"), 1) << model.name;
      EXPECT_EQ(formed.logits, plain.logits) << model.name;
      ASSERT_EQ(formed.state.entries().size(), plain.state.entries().size()) << model.name;
      for (const State::Entry& entry : plain.state.entries())
        EXPECT_EQ(formed.state.find(entry.name)->spec, entry.spec) << model.name << " " << entry.name;
    }
  }
}

// Images [n,h,w,3] in a form (ops/stem/stem.h), by its definition.
std::vector<float> formed_by_hand(const std::vector<float>& images, const Shape& s, const Shape& made) {
  std::vector<float> result(static_cast<size_t>(made.count()));
  size_t at = 0;
  for (int n = 0; n < made.n; ++n)
    for (int y = 0; y < made.h; ++y)
      for (int x = 0; x < made.w; ++x)
        for (int c = 0; c < made.c; ++c, ++at) {
          const bool blocks = made.c == 16;
          const int row = blocks ? 2 * y + c / 6 - 4 : y, column = blocks ? 2 * x + c / 3 % 2 - 4 : x;
          const bool inside = row >= 0 && row < s.h && column >= 0 && column < s.w && c < (blocks ? 12 : 3);
          if (inside) result[at] = images[((static_cast<size_t>(n) * s.h + row) * s.w + column) * 3 + c % 3];
        }
  return result;
}

// In f32 the sums of the first convolution are the same products in another order.
TEST(ResNets, GiveTheSameLogitsInEachForm) {
  const auto cpu = open_cpu();
  const Shape plain{1, 64, 48, 3};
  std::vector<float> images;
  for (const double value : random_numbers("images", plain.count(), -1, 2))
    images.push_back(static_cast<float>(value));
  Numbers wanted;
  for (const ImageForm form : {ImageForm::plain, ImageForm::padded, ImageForm::blocks}) {
    const Shape shape = formed(plain, form);
    State state(1);
    Trace trace(state, {.mode = Mode::infer});
    trace.output("logits",
                 resnet(trace.input("images", {shape}), 10, {.blocks = {1, 1}, .zero_last = false}));
    Plan plan(std::move(trace));
    plan.compile(*cpu);
    cpu->upload(plan["images"], formed_by_hand(images, plain, shape).data(), cpu->stream());
    plan.run(cpu->stream());
    std::vector<float> logits(10);
    cpu->download(plan["logits"], logits.data(), cpu->stream());
    const Numbers found(logits.begin(), logits.end());
    if (wanted.empty()) wanted = found;
    EXPECT_LE(relative_error(found, wanted), 1e-5) << to_string(form);
  }
}

// But for the stem, whose convolution has none to give for less than a pass over its map.
TEST(ResNets, GiveSumsToTheirNormsInF16Alone) {
  const Model& model = find_model("resnet18");
  for (const Precision precision : {Precision::f32, Precision::f16}) {
    State state(1);
    Trace trace(state, {.precision = precision, .fast_sums = true});
    model.build(trace.input("images", {{2, 224, 224, 3}, matrix_type(precision)}), 10);
    for (const Graph::Call& call : trace.graph().calls)
      if (call.function->name() == "batch_norm") {
        EXPECT_EQ(call.in[5] >= 0, precision == Precision::f16 && call.path != "bn1") << call.path;
      }
  }
}

// The last norm of each block begins at zero, all others at one.
TEST(ResNets, BeginAsTheirShortcuts) {
  const Traced net = traced(find_model("resnet50"), {}, 10, ImageForm::plain);
  int zeros = 0;
  for (const State::Entry& entry : net.state.entries())
    if (entry.name.ends_with("bn3.weight")) {
      EXPECT_EQ(entry.init.value, 0) << entry.name;
      ++zeros;
    } else if (entry.name.find("bn") != std::string::npos && entry.name.ends_with(".weight")) {
      EXPECT_EQ(entry.init.value, 1) << entry.name;
    }
  EXPECT_EQ(zeros, 16);
}

TEST(ResNets, MayHaveTheirStrideInThe1x1) {
  State state(1);
  Trace trace(state);
  resnet(trace.input("images", {{1, 64, 64, 3}}), 10,
         {.blocks = {1, 1}, .bottleneck = true, .stride_in_1x1 = true});
  for (const Graph::Call& call : trace.graph().calls)
    if (call.path == "layer2.0.conv1") {
      EXPECT_EQ(call.signature.outputs[0].shape, (Shape{1, 8, 8, 128}));
    }
}

// The names and shapes are torchvision's resnet18's but for the first convolution's; each stage halves the map.
TEST(ResNets, ForSmallImagesKeepTheMapInTheirBeginning) {
  const Traced small = traced(find_model("resnet18_small"), {}, 1000, ImageForm::plain);
  const Traced large = traced(find_model("resnet18"), {}, 1000, ImageForm::plain);
  ASSERT_EQ(small.state.entries().size(), large.state.entries().size());
  for (const State::Entry& entry : large.state.entries()) {
    const Shape wanted = entry.name == "conv1.weight" ? Shape{64, 3, 3, 3} : entry.spec.shape;
    ASSERT_NE(small.state.find(entry.name), nullptr) << entry.name;
    EXPECT_EQ(small.state.find(entry.name)->spec.shape, wanted) << entry.name;
  }
  State state(1);
  Trace trace(state);
  resnet18_small(trace.input("images", {{2, 32, 32, 3}}), 10);
  std::map<std::string, Shape> found;
  for (const Graph::Call& call : trace.graph().calls) found[call.path] = call.signature.outputs[0].shape;
  EXPECT_EQ(found.at("conv1"), (Shape{2, 32, 32, 64}));
  for (int stage = 0; stage < 4; ++stage)
    EXPECT_EQ(found.at(concat("layer", stage + 1, ".1.conv2")),
              (Shape{2, 32 >> stage, 32 >> stage, 64 << stage}));
}

TEST(ResNets, ForSmallImagesTakeGrayOnesToo) {
  State state(1);
  Trace trace(state);
  EXPECT_EQ(resnet20(trace.input("images", {{4, 28, 28, 1}}), 10).shape(), (Shape{4, 1, 1, 10}));
}

TEST(SqueezeNet, HasTheParametersThatItShould) {
  const Traced net = traced(find_model("squeezenet1_1"), {}, 1000, ImageForm::plain);
  EXPECT_EQ(net.state.parameter_count(), 1235496);
  EXPECT_EQ(net.logits, (Shape{2, 1, 1, 1000}));
  EXPECT_EQ(net.state.find("features.12.expand3x3.weight")->spec.shape, (Shape{256, 3, 3, 64}));
}

// ---- against PyTorch (tools/golden.py), from the same formula ----

// Weights and statistics, in the order of a file.
Numbers formula_values(const std::string& net, const State::Entry& entry) {
  double low = -0.5, high = 0.5;
  if (entry.layout != FileLayout::vector) {
    high = std::sqrt(6 / static_cast<double>(fan_in(entry.spec.shape)));
    low = -high;
  } else if (entry.name.ends_with("running_var")) {
    low = 1, high = 4;
  } else if (entry.name.ends_with(".weight")) {
    low = 0.5, high = 1.5;
  }
  return random_numbers(net + "/" + entry.name, entry.spec.shape.count(), low, high);
}

void set_from_formula(State& state, Device& device, const std::string& net) {
  for (size_t i = 0; i < state.entries().size(); ++i) {
    const State::Entry& entry = state.entries()[i];
    if (!in_model_file(entry)) continue;
    const Numbers numbers = formula_values(net, entry);
    const std::vector<float> values(numbers.begin(), numbers.end());
    set_from_file(state, static_cast<int>(i), device,
                  {entry.name, "F32", file_shape(entry), std::as_bytes(std::span(values))});
  }
}

// Images [n,c,h,w] of the formula, in [-1, 2), as a tensor [n,h,w,c].
void upload_images(Device& device, const Tensor& images, const std::string& key) {
  const Shape& s = images.shape();
  const Numbers numbers = random_numbers(key, s.count(), -1, 2);
  std::vector<std::byte> content(bytes(images.spec));
  size_t at = 0;
  for (int n = 0; n < s.n; ++n)
    for (int y = 0; y < s.h; ++y)
      for (int x = 0; x < s.w; ++x)
        for (int c = 0; c < s.c; ++c)
          set_number(content.data(), images.spec.dtype, at++,
                     numbers[((static_cast<size_t>(n) * s.c + c) * s.h + y) * s.w + x]);
  device.upload(images, content.data(), device.stream());
}

Numbers download(Device& device, const Tensor& tensor) {
  std::vector<std::byte> content(bytes(tensor.spec));
  device.download(tensor, content.data(), device.stream());
  Numbers numbers;
  for (size_t i = 0; i < static_cast<size_t>(tensor.shape().count()); ++i)
    numbers.push_back(number_at(content.data(), tensor.spec.dtype, i));
  return numbers;
}

// f32 within 1e-4 of the largest logit. In 16 bits each convolution rounds its weights and its result, independently: the
// root of their number times one rounding.
void expect_pytorch_logits(Device& device, Precision precision) {
  const GoldenFile golden("resnet.safetensors");
  const double rounding = rounding_of(matrix_type(precision));
  CheckRows rows;
  for (const auto& [name, convolutions] : {std::pair("resnet18", 20), std::pair("resnet50", 53)}) {
    State state(1);
    Trace trace(state, {.mode = Mode::infer, .precision = precision});
    const Value images = trace.input("images", {{2, 224, 224, 3}, matrix_type(precision)});
    trace.output("logits", find_model(name).build(images, 1000));
    Plan plan(std::move(trace));
    plan.compile(device);
    set_from_formula(state, device, name);
    plan.refresh(device.stream());
    upload_images(device, plan["images"], "resnet/images");
    plan.run(device.stream());
    const Numbers logits = download(device, plan["logits"]);
    const double tolerance = rounding == 0 ? 1e-4 : rounding * std::sqrt(2.0 * convolutions);
    for (const char* kind : {"logits", "logits_f64"})
      rows.push_back({concat(name, " ", to_string(precision), " ", kind),
                      relative_error(logits, golden.tensor(concat(name, "/", kind))), tolerance, ""});
  }
  expect_rows(rows);
}

TEST(ResNetGolden, LogitsMatchPyTorch) { expect_pytorch_logits(*open_cpu(), Precision::f32); }

TEST(SlowResNetGolden, LogitsMatchPyTorchInBf16) { expect_pytorch_logits(*open_cpu(), Precision::bf16); }

TEST(GpuResNetGolden, LogitsMatchPyTorch) {
  DLFS_NEEDS_GPU(gpu);
  for (const Precision precision : {Precision::f32, Precision::f16, Precision::bf16})
    expect_pytorch_logits(*gpu, precision);
}

// Ten steps of ResNet-18, batch 8 of 64x64, rate 0.001, momentum 0.9. PyTorch's own distance between f32 and float64 says
// how far rounding carries a right run; four times that is allowed, beside 1e-4 for losses and 1e-3 for tensors.
void expect_pytorch_steps(Device& device) {
  const GoldenFile golden("resnet.safetensors");
  const std::vector<std::string> names = {
      "conv1.weight",        "bn1.running_mean",         "layer2.0.downsample.0.weight",
      "layer4.1.bn2.weight", "layer4.1.bn2.running_var", "fc.weight"};
  State state(1);
  Trace trace(state);
  const Value images = trace.input("images", {{8, 64, 64, 3}});
  const Value labels = trace.input("labels", {{8, 1, 1, 1}, DType::i32});
  trace.loss("loss", softmax_cross_entropy(resnet18(images, 10), labels));
  sgd(trace, trace.input("rate", {{1, 1, 1, 1}}), {.momentum = 0.9F});
  update_statistics(trace);
  Plan plan(std::move(trace));
  plan.compile(device);
  set_from_formula(state, device, "resnet18");
  Numbers losses;
  for (int step = 0; step < 10; ++step) {
    upload_images(device, plan["images"], concat("resnet18/images", step));
    std::vector<int32_t> classes;
    for (const double u : random_numbers(concat("resnet18/labels", step), 8, 0, 1))
      classes.push_back(static_cast<int32_t>(std::floor(u * 10)));
    const float rate = 0.001F;
    device.upload(plan["labels"], classes.data(), device.stream());
    device.upload(plan["rate"], &rate, device.stream());
    plan.run(device.stream());
    losses.push_back(download(device, plan["loss"])[0]);
  }
  CheckRows rows;
  const auto add = [&](const std::string& name, const Numbers& found, double least) {
    const Numbers &truth = golden.tensor(name + "_f64"), &other = golden.tensor(name);
    rows.push_back(
        {"resnet18 " + name, relative_error(found, truth), least + 4 * relative_error(other, truth), ""});
  };
  add("losses", losses, 1e-4);
  for (const std::string& name : names) {
    const std::vector<float> values = file_values(*state.find(name), device);
    add(name, golden_sample(Numbers(values.begin(), values.end())), 1e-3);
  }
  expect_rows(rows);
}

TEST(SlowResNetGolden, TenStepsMatchPyTorch) { expect_pytorch_steps(*open_cpu()); }

TEST(GpuResNetGolden, TenStepsMatchPyTorch) {
  DLFS_NEEDS_GPU(gpu);
  expect_pytorch_steps(*gpu);
}

}  // namespace
}  // namespace dlfs::testing
