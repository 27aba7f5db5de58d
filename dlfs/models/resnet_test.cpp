#include "dlfs/models/resnet.h"

#include <gtest/gtest.h>

#include "dlfs/models/models.h"
#include "dlfs/models/safetensors.h"
#include "dlfs/ops/stem/stem.h"
#include "dlfs/testing/data.h"

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
  const Shape shape = form == ImageForm::blocks   ? Shape{2, images.h / 2 + 3, images.w / 2 + 3, 16}
                      : form == ImageForm::padded ? Shape{2, images.h, images.w, 4}
                                                  : images;
  made.logits = model.build(trace.input("images", {shape, matrix_type(settings.precision)}), classes).shape();
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
    {"resnet18", 1000, 11689512, 20},   {"resnet34", 1000, 21797672, 36},
    {"resnet50", 1000, 25557032, 53},   {"resnet101", 1000, 44549160, 104},
    {"resnet152", 1000, 60192808, 155}, {"resnext50_32x4d", 1000, 25028904, 53},
    {"resnet20", 10, 269722, 19},       {"resnet32", 10, 464154, 31},
    {"resnet44", 10, 658586, 43},       {"resnet56", 10, 853018, 55},
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

TEST(ResNets, GiveSumsToTheirNormsInF16Alone) {
  const Model& model = find_model("resnet18");
  for (const Precision precision : {Precision::f32, Precision::f16}) {
    State state(1);
    Trace trace(state, {.precision = precision, .fast_sums = true});
    model.build(trace.input("images", {{2, 224, 224, 3}, matrix_type(precision)}), 10);
    for (const Graph::Call& call : trace.graph().calls)
      if (call.function->name() == "batch_norm")
        EXPECT_EQ(call.in[5] >= 0, precision == Precision::f16) << call.path;
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
    if (call.path == "layer2.0.conv1") EXPECT_EQ(call.signature.outputs[0].shape, (Shape{1, 8, 8, 128}));
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

}  // namespace
}  // namespace dlfs::testing
