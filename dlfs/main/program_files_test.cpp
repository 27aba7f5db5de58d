// The program and the files that it is given: data and weights, missing, cut, forged or of another kind.
#include <gtest/gtest.h>

#include <functional>

#include "dlfs/models/safetensors.h"
#include "dlfs/testing/small_data.h"
#include "dlfs/testing/spawn.h"

namespace dlfs::testing {
namespace {

struct ProgramFiles : ::testing::Test {
  // One good model for all tests of the suite.
  static void SetUpTestSuite() {
    home = new Folder;
    write_small_data(*home / "data");
    const Ended ended = run_program({"train", "lenet", "--data", "idx:" + *home / "data", "--device", "cpu",
                                     "--run", *home / "run", "--epochs", "1"});
    ASSERT_EQ(ended.code, 0) << ended.err;
  }
  static void TearDownTestSuite() { delete home; }

  // train on data that is not as it should be
  void expect_train_refused(const std::string& sentence, const std::string& name = "data") const {
    expect_refused({"train", "lenet", "--data", "idx:" + folder / name, "--device", "cpu", "--run",
                    folder / "run", "--epochs", "1"},
                   sentence);
    EXPECT_FALSE(std::filesystem::exists(folder / "run")) << "something was left";
  }

  static void expect_eval_refused(const std::string& weights, const std::string& sentence,
                                  const std::string& data = *home / "data") {
    expect_refused({"eval", weights, "--data", "idx:" + data, "--device", "cpu"}, sentence);
  }

  // eval of the good model, changed
  void expect_refused_with(const std::function<void(SafeTensors&)>& change, const std::string& fact) const {
    SafeTensors model = read_safetensors(*home / "run/model.safetensors");
    change(model);
    write_safetensors(folder / "changed.safetensors", model);
    const Ended ended = run_program(
        {"eval", folder / "changed.safetensors", "--data", "idx:" + *home / "data", "--device", "cpu"});
    EXPECT_EQ(ended.code, 2);
    const std::string path = folder / "changed.safetensors";
    EXPECT_TRUE(ended.err == "dlfs: [model file] " + path + ": " + fact + "\n" ||
                ended.err == "dlfs: [eval] " + path + ": " + fact + "\n")
        << ended.err << "expected: " << fact;
  }

  static Folder* home;
  Folder folder;
};
Folder* ProgramFiles::home = nullptr;

TEST_F(ProgramFiles, DataOfAnotherKind) {
  for (const std::string source : {"coco:x", "idx", "idx:", "/dta"})
    expect_refused({"train", "lenet", "--data", source},
                   "--data is " + source +
                       ", but can be a store that dlfs import made, or idx:DIR, a folder with MNIST's files");
  expect_train_refused("[idx] there is no folder " + folder / "none", "none");
  write_file(folder / "file", "");
  expect_train_refused("[idx] " + folder / "file is a file, but idx:DIR names a folder with MNIST's files",
                       "file");
  make_directories(folder / "empty");
  const std::string start = "[idx] " + folder / "empty: there is no ";
  expect_train_refused(
      start +
          "train-images-idx3-ubyte or train-images-idx3-ubyte.gz; the folder must "
          "hold train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and "
          "t10k-labels-idx1-ubyte, plain or as .gz",
      "empty");
  expect_eval_refused(*home / "run/model.safetensors",
                      start +
                          "t10k-images-idx3-ubyte or t10k-images-idx3-ubyte.gz; the folder must hold "
                          "t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, plain or as .gz",
                      folder / "empty");
}

TEST_F(ProgramFiles, DataThatCannotBe) {
  const std::string images = folder / "data/train-images-idx3-ubyte";
  const auto expect_refused_images = [&](const std::string& content, const std::string& fact) {
    write_file(images, content);
    expect_train_refused("[idx] " + images + ": " + fact);
  };
  write_small_data(folder / "data");
  const std::string good(text_of(read_file(images)));
  const uint32_t huge = uint32_t{1} << 31;
  expect_refused_images(good.substr(0, 50000),
                        "ends after 49984 of the 100352 values that its header declares");
  expect_refused_images(good + "x", "goes on after the 100352 values that its header declares");
  expect_refused_images(idx_header({128, huge, huge}),
                        "declares 128 x 2147483648 values or more, and at most 1073741824 are read");
  expect_refused_images(
      "no idx at all",
      "is no idx file: it does not begin with two zero bytes, a type and a count of dimensions");
  write_file(images, good);
  const std::string labels = folder / "data/t10k-labels-idx1-ubyte";
  write_file(labels, idx_header({3}) + "abc");
  expect_train_refused("[idx] " + labels + ": has 3 labels, but " + folder / "data/t10k-images-idx3-ubyte" +
                       " has 64 images");
}

TEST_F(ProgramFiles, DataThatTheModelCannotTake) {
  write_small_data(folder / "more", {.test_classes = 12});
  expect_train_refused("[train] the label of image 10 is 10, but there are 10 classes, 0 to 9", "more");
  expect_eval_refused(*home / "run/model.safetensors",
                      "[eval] a label is 11, but the model knows 10 classes, 0 to 9", folder / "more");
  // Found out before the training, not after it.
  write_small_data(folder / "named");
  write_file(folder / "named/classes.txt", "red\ngreen\n");
  expect_train_refused("[idx] " + folder / "named/classes.txt: names 2 classes, but there are 10", "named");
}

TEST_F(ProgramFiles, WeightsThatAreNoFile) {
  expect_eval_refused(folder / "none", "[file] " + folder / "none: cannot read: No such file or directory");
  expect_eval_refused(folder.path(), "[file] " + folder.path() + ": cannot read: Is a directory");
}

TEST_F(ProgramFiles, WeightsThatAreNoSafetensors) {
  const std::string good(text_of(read_file(*home / "run/model.safetensors"))),
      path = folder / "a.safetensors";
  const auto expect_refused_file = [&](const std::string& content, const std::string& fact) {
    write_file(path, content);
    expect_eval_refused(path, "[safetensors] " + path + ": " + fact);
  };
  const auto with_header = [](const std::string& header, size_t zeros) {
    std::string file;
    for (int i = 0; i < 8; ++i) file += static_cast<char>(header.size() >> (8 * i));
    return file + header + std::string(zeros, '\0');
  };
  const auto two = [](const std::string& offsets) {
    return R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":)" +
           offsets + "}}";
  };
  expect_refused_file("", "is no safetensors file: it is empty");
  expect_refused_file("certainly no safetensors file",
                      "is no safetensors file: it does not begin with the length of a header");
  expect_refused_file(with_header("[]", 0), "its header does not begin with {");
  expect_refused_file(with_header(two("[4,12]"), 12),
                      "tensor \"b\" begins at byte 4, but the one before ends at 8");
  expect_refused_file(
      with_header(two("[9223372036854775800,9223372036854775807]"), 16),
      "tensor \"b\" has the bytes 9223372036854775800 to 9223372036854775807 of a file that has 16");
  expect_refused_file(with_header(two("[8,16]"), 24), "its tensors end at byte 16, but its data at 24");

  write_file(path, good.substr(0, good.size() - 1));
  const Ended cut = run_program({"eval", path, "--data", "idx:" + *home / "data", "--device", "cpu"});
  EXPECT_EQ(cut.code, 2);
  EXPECT_EQ(cut.err,
            "dlfs: [safetensors] " + path +
                ": tensor \"fc2.bias\" has the bytes 1724280 to 1724320 of a file that has 1724319\n");
}

TEST_F(ProgramFiles, WeightsOfAnotherModel) {
  expect_refused_with([](auto& m) { m.metadata["dlfs.model"] = "resnet51"; },
                      "is a \"resnet51\", a model that this dlfs does not know");
  expect_refused_with([](auto& m) { m.metadata["dlfs.input"] = "32,32,1"; },
                      "takes images [1,32,32,1], but a lenet takes [1,28,28,1]");
  expect_refused_with([](auto& m) { m.metadata.clear(); },
                      "its metadata has no dlfs.model, so it is not a model that dlfs wrote");
  expect_refused_with([](auto& m) { m.metadata.erase("dlfs.mean"); },
                      "its metadata has no dlfs.mean, so it is not a model that dlfs wrote");
  expect_refused_with([](auto& m) { m.metadata["dlfs.input"] = "28,28"; },
                      "dlfs.input is \"28,28\", but must be height,width,channels, as 28,28,1");
  for (const std::string deviation : {"0", "-1", "nan", "inf"})
    expect_refused_with([&](auto& m) { m.metadata["dlfs.deviation"] = deviation; },
                        "dlfs.deviation is \"" + deviation + "\", but must be above 0");
  expect_refused_with([](auto& m) { m.metadata["dlfs.classes"] = "[]"; },
                      "dlfs.classes is \"[]\", but must be a list of names");
}

TEST_F(ProgramFiles, TensorsThatTheModelDoesNotHave) {
  expect_refused_with([](auto& m) { m.tensors.erase(m.tensors.begin()); },
                      "has no conv1.weight, which a lenet needs");
  expect_refused_with([](auto& m) { m.tensors[1].name = "conv9.bias"; },
                      "has no conv1.bias, which a lenet needs");
  expect_refused_with(
      [](auto& m) {
        m.tensors.push_back({"more", "U8", {0}, {}});
      },
      "holds more, which a lenet does not have");
  expect_refused_with(
      [](auto& m) {
        m.tensors[0].shape = {20, 5, 5, 1};
      },
      "conv1.weight is F32 [20,5,5,1], but a lenet needs F32 [20,1,5,5]");
  expect_refused_with([](auto& m) { m.tensors[0].dtype = "I32"; },
                      "conv1.weight is I32 [20,1,5,5], but a lenet needs F32 [20,1,5,5]");
  // Refused by its shapes, before memory for two million classes is asked for.
  std::string many = "[\"\"";
  for (int i = 0; i < 2000000; ++i) many += ",\"\"";
  expect_refused_with([&](auto& m) { m.metadata["dlfs.classes"] = many + "]"; },
                      "fc2.weight is F32 [10,500], but a lenet needs F32 [2000001,500]");
}

TEST_F(ProgramFiles, WeightsThatAreNoNumbers) {
  SafeTensors model = read_safetensors(*home / "run/model.safetensors");
  const std::vector<float> none(10, std::numeric_limits<float>::quiet_NaN());
  for (SafeTensor& tensor : model.tensors)
    if (tensor.name == "fc2.bias") tensor.bytes = std::as_bytes(std::span(none));
  write_safetensors(folder / "nan.safetensors", model);
  expect_eval_refused(folder / "nan.safetensors",
                      "[evaluate] the model gives NaN; its weights are of no use");
}

}  // namespace
}  // namespace dlfs::testing
