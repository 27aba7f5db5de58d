#include "dlfs/models/model_file.h"

#include <gtest/gtest.h>

#include <cstring>

#include "dlfs/cpu/cpu_device.h"
#include "dlfs/models/models.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/folder.h"

namespace dlfs {
namespace {

using testing::expect_error;

const ModelDescription description = {.model = "lenet",
                                      .input = {1, 28, 28, 1},
                                      .mean = {0.1307F},
                                      .deviation = {1.0F / 3},
                                      .classes = {"zero", "\"eins\"", "deux, trois", "四"},
                                      .test_resize = 32};

// A State that names what a lenet has, without memory.
State lenet_state(uint64_t seed) {
  State state(seed);
  Trace trace(state, {.mode = Mode::infer});
  lenet(trace.input("images", {{1, 28, 28, 1}}), 4);
  return state;
}

std::vector<float> values_of(const State::Entry& entry, Device& device) {
  std::vector<float> values(static_cast<size_t>(entry.spec.shape.count()));
  device.download(entry.tensor, values.data(), device.stream());
  return values;
}

float in_file(const SafeTensor& tensor, size_t index) {
  float value = 0;
  std::memcpy(&value, tensor.bytes.data() + index * sizeof value, sizeof value);
  return value;
}

struct ModelFiles : ::testing::Test {
  ModelFiles() {
    state.add("fc1.weight.momentum", {{500, 4, 4, 50}}, Role::optimizer, {});
    state.add("step", {{1, 1, 1, 1}, DType::i32}, Role::counter, {});
    state.allocate(*cpu);
    save_model(path, state, *cpu, description);
  }

  std::unique_ptr<Device> cpu = open_cpu();
  State state = lenet_state(3);
  testing::Folder folder;
  std::string path = folder / "model.safetensors";
};

TEST_F(ModelFiles, GiveBackTheSameBits) {
  State other = lenet_state(4);
  ModelFile(path).load(other, *cpu);
  for (const State::Entry& entry : other.entries())
    EXPECT_EQ(values_of(entry, *cpu), values_of(*state.find(entry.name), *cpu)) << entry.name;
  save_model(folder / "again", other, *cpu, description);
  EXPECT_EQ(read_file(folder / "again"), read_file(path));
}

TEST_F(ModelFiles, SayWhatTheModelIs) {
  const ModelDescription read = ModelFile(path).description();
  EXPECT_EQ(read.model, description.model);
  EXPECT_EQ(read.input, description.input);
  EXPECT_EQ(read.mean, description.mean);
  EXPECT_EQ(read.deviation, description.deviation);
  EXPECT_EQ(read.classes, description.classes);
  EXPECT_EQ(read.test_resize, description.test_resize);
}

TEST_F(ModelFiles, HaveThePyTorchNamesShapesAndOrder) {
  const SafeTensors file = read_safetensors(path);
  ASSERT_EQ(file.tensors.size(), 8U) << "what an optimizer keeps or counts is no part of a model";
  // [k,r,s,c] in memory, (k,c,r,s) in the file: filter 7 of 50, row 3 and column 1 of 5, channel 13 of 20.
  const SafeTensor& conv = *file.find("conv2.weight");
  EXPECT_EQ(conv.shape, (std::vector<int64_t>{50, 20, 5, 5}));
  const std::vector<float> filters = values_of(*state.find("conv2.weight"), *cpu);
  EXPECT_EQ(in_file(conv, ((7 * 20 + 13) * 5 + 3) * 5 + 1), filters[((7 * 5 + 3) * 5 + 1) * 20 + 13]);
  // A linear layer on a map [4,4,50] reads h,w,c in memory, c,h,w in the file: output 321, row 2, column 3, channel 44.
  const SafeTensor& linear = *file.find("fc1.weight");
  EXPECT_EQ(linear.shape, (std::vector<int64_t>{500, 800}));
  const std::vector<float> matrix = values_of(*state.find("fc1.weight"), *cpu);
  EXPECT_EQ(in_file(linear, 321 * 800 + (44 * 4 + 2) * 4 + 3), matrix[321 * 800 + (2 * 4 + 3) * 50 + 44]);
  EXPECT_EQ(file.find("fc2.bias")->shape, (std::vector<int64_t>{4}));
}

TEST_F(ModelFiles, RefuseBeforeAnythingIsChanged) {
  SafeTensors file = read_safetensors(path);
  file.tensors.back().name = "fc3.bias";
  write_safetensors(folder / "other", file);
  const ModelFile wrong(folder / "other");
  const std::string sentence = "[model file] " + folder / "other" + ": has no fc2.bias, which a lenet needs";

  State other = lenet_state(4);
  expect_error<FileError>([&] { wrong.load(other, *cpu); }, sentence);
  for (const State::Entry& entry : other.entries())
    EXPECT_FALSE(entry.tensor) << "nothing is allocated either";

  other.allocate(*cpu);
  std::vector<std::vector<float>> before;
  for (const State::Entry& entry : other.entries()) before.push_back(values_of(entry, *cpu));
  expect_error<FileError>([&] { wrong.load(other, *cpu); }, sentence);
  for (size_t i = 0; i < before.size(); ++i) EXPECT_EQ(values_of(other.entries()[i], *cpu), before[i]);
}

TEST_F(ModelFiles, RefuseDescriptionsThatCannotBe) {
  struct Case {
    std::string key, value, fact;
  };
  const std::string input = ", but must be height,width,channels, as 28,28,1";
  for (const Case& wrong : {
           Case{"input", "28,28", R"(dlfs.input is "28,28")" + input},
           {"input", "28,28,0", R"(dlfs.input is "28,28,0")" + input},
           {"input", "28,28,65536", R"(dlfs.input is "28,28,65536")" + input},
           {"input", "28,28,1 ", R"(dlfs.input is "28,28,1 ")" + input},
           {"mean", "", R"(dlfs.mean is "", but must be 1 numbers)"},
           {"mean", "0.1,0.2", R"(dlfs.mean is "0.1,0.2", but must be 1 numbers)"},
           {"mean", "nan", R"(dlfs.mean is "nan", but must be finite)"},
           {"deviation", "x", R"(dlfs.deviation is "x", but must be 1 numbers)"},
           {"deviation", "0", R"(dlfs.deviation is "0", but must be above 0)"},
           {"classes", "{}", R"(dlfs.classes is "{}", but must be a list of names)"},
           {"classes", "[1]", "dlfs.classes holds a number, but must hold names"},
           {"test_resize", "27", R"(dlfs.test_resize is "27", but must be from 28 to 16384)"},
           {"test_resize", "32,32", R"(dlfs.test_resize is "32,32", but must be from 28 to 16384)"},
       }) {
    SafeTensors file = read_safetensors(path);
    file.metadata["dlfs." + wrong.key] = wrong.value;
    write_safetensors(folder / "other", file);
    expect_error<FileError>([&] { ModelFile(folder / "other"); },
                            "[model file] " + folder / "other" + ": " + wrong.fact);
  }
}

}  // namespace
}  // namespace dlfs
