#include "dlfs/models/weights.h"

#include <gtest/gtest.h>

#include <cstring>

#include "dlfs/cpu/cpu_device.h"
#include "dlfs/models/models.h"
#include "dlfs/models/safetensors.h"
#include "dlfs/tensor/half.h"
#include "dlfs/testing/data.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/folder.h"

namespace dlfs::testing {
namespace {

State named_by(const std::string& model, int classes) {
  const Model& of = find_model(model);
  State state(1);
  Trace trace(state, {.mode = Mode::infer});
  of.build(trace.input("images", {of.input}), classes);
  return state;
}

std::vector<float> values(const State& state, Device& device, const std::string& name) {
  const State::Entry& entry = *state.find(name);
  std::vector<float> content(static_cast<size_t>(entry.spec.shape.count()));
  device.download(entry.tensor, content.data(), device.stream());
  return content;
}

// A file made of a few numbers, for a State of two tensors: w [2,1,1,3] (a filter) and b [1,1,1,2].
struct Weights : ::testing::Test {
  Weights() {
    state.add("w", {{2, 1, 1, 3}}, Role::parameter, {}, FileLayout::filter);
    state.add("fc.b", {{1, 1, 1, 2}}, Role::statistic, {});
    state.add("steps", {{1, 1, 1, 1}, DType::i32}, Role::counter, {});
  }

  struct Given {
    std::string name, dtype;
    std::vector<int64_t> shape;
  };
  void write(const std::vector<Given>& given) {
    static const std::vector<std::byte> zeros(64, std::byte{0x40});  // 3.0039 in f32, 2.0039 in bf16 and f16
    SafeTensors made;
    for (const Given& one : given) {
      size_t size = one.dtype == "F32" ? 4 : one.dtype == "I64" ? 8 : 2;
      for (const int64_t extent : one.shape) size *= static_cast<size_t>(extent);
      made.tensors.push_back({one.name, one.dtype, one.shape, std::span(zeros).first(size)});
    }
    write_safetensors(path, made);
  }
  WeightsReport load(const WeightsSettings& settings = {}) {
    return load_weights(path, state, *cpu, settings);
  }

  std::unique_ptr<Device> cpu = open_cpu();
  State state{1};
  Folder folder;
  std::string path = folder / "weights";
};

TEST_F(Weights, AreReadIn16Bits) {
  write({{"w", "F16", {2, 3, 1, 1}}, {"fc.b", "BF16", {2}}});
  EXPECT_TRUE(load().complete());
  EXPECT_EQ(values(state, *cpu, "w"), std::vector<float>(6, 2.125F));
  EXPECT_EQ(values(state, *cpu, "fc.b"), std::vector<float>(2, 3.0F));
}

TEST_F(Weights, AreFoundByOtherNames) {
  write({{"module.w", "F32", {2, 3, 1, 1}},
         {"module.linear.b", "F32", {2}},
         {"module.bn1.num_batches_tracked", "I64", {}}});
  const WeightsReport report = load();
  EXPECT_EQ(report.source, "data parallel");
  EXPECT_TRUE(report.complete());
  expect_error<FileError>(
      [&] { load({.source = "torchvision"}); },
      "[weights] " + path +
          " does not fit the model, by torchvision's names: 0 tensors loaded; 2 missing: w, "
          "fc.b; 2 left over: module.w, module.linear.b");
  expect_error<UsageError>(
      [&] { load({.source = "keras"}); },
      "[weights] there is no source keras; sources: auto, torchvision, cifar, data parallel, gluon");
}

TEST_F(Weights, TellTensorByTensorWhatDoesNotFit) {
  write({{"w", "F32", {2, 3}}, {"linear.b", "I64", {2}}, {"fc.b", "F32", {2}}, {"x", "F32", {1}}});
  const std::string sentence =
      "[weights] " + path +
      " does not fit the model, by torchvision's names: 1 tensors loaded; 1 of another "
      "shape or type: w is F32 [2,3], but must be [2,3,1,1]; 2 left over: ";
  expect_error<FileError>([&] { load(); }, sentence + "linear.b, x");
  EXPECT_FALSE(state.find("w")->tensor) << "nothing is allocated";

  const WeightsReport report = load({.partial = true});
  EXPECT_EQ(report.loaded, std::vector<std::string>{"fc.b"});
  EXPECT_EQ(report.wrong, std::vector<std::string>{"w is F32 [2,3], but must be [2,3,1,1]"});
  EXPECT_EQ(values(state, *cpu, "w"), std::vector<float>(6, 0)) << "keeps its first values";
}

TEST_F(Weights, MustNotBeAnothersAltogether) {
  write({{"x", "F32", {1}}});
  expect_error<FileError>(
      [&] { load({.partial = true}); },
      "[weights] " + path +
          " does not fit the model, by torchvision's names: 0 tensors loaded; 2 missing: w, "
          "fc.b; 1 left over: x");
}

TEST_F(Weights, MustBeHalfOfTheModelAtLeast) {
  state.add("other", {{1, 1, 1, 2}}, Role::parameter, {});
  write({{"fc.b", "F32", {2}}});
  expect_error<FileError>(
      [&] { load({.partial = true}); },
      "[weights] " + path +
          " does not fit the model, by torchvision's names: 1 tensors loaded; 2 missing: w, "
          "other");
}

TEST(RealWeights, FitTheirModels) {
  DLFS_NEEDS_DATA(folder, "weights");
  const auto cpu = open_cpu();
  for (const char* depth : {"20", "32", "44", "56"}) {
    State state = named_by(concat("resnet", depth), 10);
    const std::string path = concat(folder, "/resnet", depth, "-cifar10.safetensors");
    const WeightsReport report = load_weights(path, state, *cpu);
    EXPECT_EQ(report.source, "cifar");
    EXPECT_TRUE(report.complete()) << to_string(report);
  }
  State state = named_by("squeezenet1_1", 1000);
  const WeightsReport report = load_weights(folder + "/squeezenet1.1-imagenet.safetensors", state, *cpu);
  EXPECT_EQ(report.source, "gluon");
  EXPECT_TRUE(report.complete()) << to_string(report);
}

TEST(RealWeights, FitAnotherNumberOfClassesInPart) {
  DLFS_NEEDS_DATA(folder, "weights");
  const auto cpu = open_cpu();
  State state = named_by("resnet20", 7);
  const std::string path = folder + "/resnet20-cifar10.safetensors";
  EXPECT_EQ(to_string(load_weights(path, state, *cpu, {.partial = true})),
            "95 tensors loaded; 2 of another shape or type: fc.weight is F32 [10,64], but must be [7,64], "
            "fc.bias is F32 [10], but must be [7]");
}

}  // namespace
}  // namespace dlfs::testing
