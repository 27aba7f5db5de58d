// `dlfs predict`: what it sees in somebody's images is what `eval` sees in the same pixels.
#include <gtest/gtest.h>

#include <sstream>

#include "dlfs/base/json.h"
#include "dlfs/cpu/cpu_device.h"
#include "dlfs/data/codec/png.h"
#include "dlfs/testing/small_data.h"
#include "dlfs/testing/spawn.h"
#include "dlfs/train/evaluate.h"

namespace dlfs::testing {
namespace {

using Words = std::vector<std::string>;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

ImageView image_at(const LabelledImages& images, int i) {
  const size_t pixels = static_cast<size_t>(images.height) * images.width;
  return {.size = {images.width, images.height},
          .pixels = std::span(images.pixels).subspan(i * pixels, pixels)};
}

void write_pgm(const std::string& path, const ImageView& image) {
  write_file(path, concat("P5\n", image.size.width, " ", image.size.height, "\n255\n") +
                       std::string(image.pixels.begin(), image.pixels.end()));
}

struct Predict : ::testing::Test {
  // One model for all tests of the suite.
  static void SetUpTestSuite() {
    home = new Folder;
    write_small_data(*home / "data");
    const Ended ended = run_program({"train", "lenet", "--data", "idx:" + *home / "data", "--device", "cpu",
                                     "--run", *home / "run", "--epochs", "12"});
    ASSERT_EQ(ended.code, 0) << ended.err;
  }
  static void TearDownTestSuite() { delete home; }

  static std::string weights() { return *home / "run/model.safetensors"; }

  Words predict(const Words& more) const {
    Words words = {"predict", weights(), "--device", "cpu"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  void write(const std::string& name, const ImageView& image) const {
    write_file(folder / name, std::span<const std::byte>(encode_png(image)));
  }

  // The first `count` images, half of them as PNG, half as PGM; the number of those that predict names rightly.
  int expect_what_eval_sees(LabelledImages images, int count) const {
    const size_t pixels = static_cast<size_t>(images.height) * images.width;
    images.count = count;
    images.pixels.resize(count * pixels);
    Words words = predict({"--json", "--top", "1"});
    for (int i = 0; i < count; ++i) {
      const std::string name = concat(i, i % 2 == 0 ? ".png" : ".pgm");
      i % 2 == 0 ? write(name, image_at(images, i)) : write_pgm(folder / name, image_at(images, i));
      words.push_back(folder / name);
    }
    const auto cpu = open_cpu();
    State state(0);
    const ModelFile file(weights());
    Evaluator evaluator(*cpu, state, find_model("lenet"), 10, Precision::f32,
                        {.mean = file.description().mean, .deviation = file.description().deviation});
    evaluator.load(file);
    const auto source = std::make_shared<const MemorySource>(images, file.description().classes);
    const std::vector<Prediction> wanted = evaluator.predict(source);

    const Ended ended = run_program(words);
    EXPECT_EQ(ended.code, 0);
    EXPECT_EQ(ended.err, "");
    const std::vector<std::string> lines = lines_of(ended.out);
    EXPECT_EQ(lines.size(), wanted.size());
    int right = 0;
    for (size_t i = 0; i < std::min(lines.size(), wanted.size()); ++i) {
      const Json line = Json::parse(lines[i], "predict");
      EXPECT_EQ(*line.find("image")->string(), words[words.size() - count + i]);
      const Json& first = line.find("classes")->items().at(0);
      EXPECT_EQ(first.find("index")->integer(), wanted[i].label);
      EXPECT_FLOAT_EQ(static_cast<float>(*first.find("probability")->number()), wanted[i].probability);
      right += first.find("index")->integer() == images.labels[i] ? 1 : 0;
    }
    return right;
  }

  static Folder* home;
  Folder folder;
};
Folder* Predict::home = nullptr;

TEST_F(Predict, SeesWhatEvalSees) {
  const int right = expect_what_eval_sees(small_images({}, Split::test), 64);
  const Ended eval = run_program({"eval", weights(), "--data", "idx:" + *home / "data", "--device", "cpu"});
  EXPECT_NE(eval.out.find(concat("(", right, " of 64)")), std::string::npos) << eval.out << right;
  EXPECT_GT(right, 32);
}

TEST_F(Predict, SeesWhatEvalSeesInFashionMnist) {
  const std::string fashion = "/usr/share/datasets/fashion-mnist";
  if (!std::filesystem::is_directory(fashion))
    GTEST_SKIP() << "needs " << fashion << ", of Debian's package dataset-fashion-mnist";
  expect_what_eval_sees(read_idx(fashion, Split::test), 100);
}

TEST_F(Predict, SaysWhatItDidAndShowsTheTopClasses) {
  const LabelledImages images = small_images({}, Split::test);
  const ImageView gray = image_at(images, 3);
  write("gray.png", gray);
  // Each pixel as four, in colour: made gray and averaged, it is nearly the same image again.
  Picture large({.width = 56, .height = 56}, {});
  for (int i = 0; i < 28 * 28; ++i)
    large.fill({.x = 2 * (i % 28), .y = 2 * (i / 28), .width = 2, .height = 2},
               {.color = {gray.pixels[i], gray.pixels[i], gray.pixels[i]}});
  write_png(folder / "large.png", large);
  write_file(folder / "dot.pgm", "P2 1 1 1 0");
  const Ended ended = run_program(predict({folder / "gray.png", folder / "large.png", folder / "dot.pgm"}));
  EXPECT_EQ(ended.code, 0) << ended.err;
  const std::vector<std::string> lines = lines_of(ended.out);
  ASSERT_EQ(lines.size(), 12U) << ended.out;
  EXPECT_EQ(lines[0], folder / "gray.png: 28x28 gray");
  EXPECT_EQ(lines[4], folder / "large.png: 56x56 colour, made gray, averaged down to 28x28");
  EXPECT_EQ(lines[8], folder / "dot.pgm: 1x1 gray, interpolated to 28x28");
  EXPECT_EQ(lines[1].substr(0, 5), "  3  ");
  EXPECT_NE(lines[1].find(" %  ━━━"), std::string::npos) << lines[1];
  for (int i = 1; i < 4; ++i) {
    EXPECT_EQ(lines[1].substr(0, 5), lines[5].substr(0, 5));
    EXPECT_LE(width(lines[i]), 80);
  }
  EXPECT_EQ(lines_of(run_program(predict({folder / "gray.png", "--top", "99"})).out).size(), 11U);
}

TEST_F(Predict, NamesABadImageAndGoesOn) {
  const LabelledImages images = small_images({}, Split::test);
  write("a.png", image_at(images, 0));
  write_file(folder / "b.png", std::string("\x89PNG\r\n\x1a\n", 8));
  write("c.png", image_at(images, 1));
  const Words words = {folder / "a.png", folder / "none", folder / "b.png", folder / "c.png"};
  const std::string none = "[file] " + folder / "none: cannot read: No such file or directory",
                    cut = "[png] " + folder / "b.png: ends in the middle";
  const Ended text = run_program(predict(words));
  EXPECT_EQ(text.code, 1);
  EXPECT_EQ(text.err, "dlfs: " + none + "\ndlfs: " + cut + "\ndlfs: 2 of 4 images could not be read\n");
  const std::vector<std::string> lines = lines_of(text.out);
  ASSERT_EQ(lines.size(), 8U);
  EXPECT_EQ(lines[0], folder / "a.png: 28x28 gray");
  EXPECT_EQ(lines[4], folder / "c.png: 28x28 gray");

  Words with_json = predict(words);
  with_json.push_back("--json");
  const Ended json = run_program(with_json);
  EXPECT_EQ(json.code, 1);
  EXPECT_EQ(json.err, text.err);
  const std::vector<std::string> objects = lines_of(json.out);
  ASSERT_EQ(objects.size(), 4U);
  EXPECT_EQ(*Json::parse(objects[1], "").find("error")->string(), none);
  EXPECT_EQ(*Json::parse(objects[2], "").find("error")->string(), cut);
  EXPECT_EQ(Json::parse(objects[3], "").find("classes")->items().size(), 3U);
}

// The second name would clear the terminal; the first begins like a flag.
TEST_F(Predict, TakesAnyNameAndShowsNoneRaw) {
  const LabelledImages images = small_images({}, Split::test);
  const ImageView image = image_at(images, 0);
  const std::string wild = "\x1B[2J\xFF.png";
  write(wild, image);
  const Ended text = run_program(predict({"--top", "1", "--", folder / wild, "-x.png"}));
  EXPECT_EQ(text.code, 1);
  EXPECT_EQ(text.out.find(folder / "\\x1B[2J\\xFF.png: 28x28 gray\n"), 0U) << text.out;
  EXPECT_EQ(text.err,
            "dlfs: [file] -x.png: cannot read: No such file or directory\n"
            "dlfs: 1 of 2 images could not be read\n");
}

TEST_F(Predict, RefusesWhatItCannotUse) {
  expect_refused({"predict"}, "predict needs WEIGHTS, a model.safetensors that train wrote");
  expect_refused({"predict", weights()}, "predict needs IMAGE..., JPEG, PNG or PGM files");
  expect_refused(predict({"x.png", "--top", "0"}),
                 "--top is 0, but must be a whole number from 1 to 2147483647");
  expect_refused(predict({"x.png", "--jsno"}), "there is no --jsno; did you mean --json?");
  expect_refused(predict({""}), "IMAGE... is empty, but must be JPEG, PNG or PGM files");
  expect_refused({"predict", folder / "none", "x.png"},
                 "[file] " + folder / "none: cannot read: No such file or directory");
  expect_refused({"predict", folder / "none", "x.png", "--data", "idx:x"},
                 "there is no --data; dlfs predict --help shows what there is");
}

}  // namespace
}  // namespace dlfs::testing
