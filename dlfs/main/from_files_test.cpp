// From class folders to a trained classifier, as a user does it: import, audit, train, eval, predict.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <iostream>

#include "dlfs/base/json.h"
#include "dlfs/base/random.h"
#include "dlfs/base/text.h"
#include "dlfs/data/codec/png.h"
#include "dlfs/models/safetensors.h"
#include "dlfs/testing/data.h"
#include "dlfs/testing/spawn.h"

namespace dlfs::testing {
namespace {

// Noise of one colour for each class.
void write_images(const std::string& folder, int count) {
  const Color colors[] = {{220, 60, 60}, {60, 200, 60}, {60, 80, 230}};
  const char* const names[] = {"red", "green", "blue"};
  for (const char* split : {"train", "test"})
    for (int i = 0; i < count; ++i) {
      const Random random(combine(key_of(split), i));
      Picture picture({.width = 40, .height = 30}, colors[i % 3]);
      for (int at = 0; at < 300; ++at)
        picture.fill({.x = static_cast<int>(random.below(3 * at, 40)),
                      .y = static_cast<int>(random.below(3 * at + 1, 30)),
                      .width = 1,
                      .height = 1},
                     {.color = {static_cast<uint8_t>(random.below(3 * at + 2, 256)), 128, 128}});
      const std::string class_folder = concat(folder, "/", split, "/", names[i % 3]);
      make_directories(class_folder);
      write_png(concat(class_folder, "/", i, ".png"), picture);
    }
}

std::string done(const std::vector<std::string>& words) {
  const Ended ended = run_program(words);
  EXPECT_EQ(ended.code, 0) << ended.err << ended.out;
  return ended.out;
}

double accuracy_of(const std::string& run) {
  const Json result = Json::parse(text_of(read_file(run + "/result.json")), "result.json");
  return *result.find("test_accuracy")->number();
}

TEST(FromFiles, ClassFoldersBecomeAClassifier) {
  const Folder folder;
  write_images(folder / "set", 48);
  write_file(folder / "set/train/red/broken.png", "no picture");
  const std::string store = folder / "my.db", run = folder / "run";
  done({"import", "folders", folder / "set", "--db", store});
  EXPECT_EQ(run_program({"data", "audit", store}).code, 1) << "one file is broken";
  const std::string said =
      done({"train", "small_cnn", "--data", store, "--device", "cpu", "--epochs", "6", "--batch", "16",
            "--augment", "flip", "--run", run, "--threads", "2", "--test-resize", "36"});
  EXPECT_NE(said.find("broken.png: is neither JPEG, PNG nor PGM"), std::string::npos) << said;
  EXPECT_GE(accuracy_of(run), 0.9);
  const std::string evaluated =
      done({"eval", run + "/model.safetensors", "--data", store, "--device", "cpu"});
  EXPECT_NE(evaluated.find(concat("accuracy ", fixed(accuracy_of(run), 4))), std::string::npos) << evaluated;
  const std::string seen =
      done({"predict", run + "/model.safetensors", folder / "set/test/blue/2.png", "--device", "cpu"});
  EXPECT_NE(seen.find("2.png: 40x30 colour, the shorter side made 36, the middle 32x32\n"), std::string::npos)
      << seen;
  EXPECT_LT(seen.find("blue"), seen.find("red")) << seen;
  write_png(folder / "thin.png", Picture({.width = 3000, .height = 3}, {}));
  const std::string thin =
      done({"predict", run + "/model.safetensors", folder / "thin.png", "--device", "cpu"});
  EXPECT_NE(thin.find("3000x3 colour, the longer side made 16384, the middle 32x32\n"), std::string::npos)
      << thin;
}

// Training that begins with weights knows what they know, also where they name fewer classes.
TEST(FromFiles, TrainingGoesOnFromWeights) {
  const Folder folder;
  write_images(folder / "three", 48);
  write_images(folder / "two", 48);
  for (const char* split : {"train", "test"})
    std::filesystem::remove_all(concat(folder / "two/", split, "/green"));
  for (const char* set : {"two", "three"})
    done({"import", "folders", folder / set, "--db", concat(folder / set, ".db")});
  const auto train = [&](const std::string& set, const std::string& run,
                         const std::vector<std::string>& more) {
    std::vector<std::string> words = {"train",    "small_cnn", "--data",  concat(folder / set, ".db"),
                                      "--device", "cpu",       "--batch", "16",
                                      "--run",    folder / run};
    words.insert(words.end(), more.begin(), more.end());
    return done(words);
  };
  train("three", "first", {"--epochs", "6"});
  const std::string weights = folder / "first/model.safetensors";
  const auto before = read_file(weights);

  const std::string same = train("three", "same", {"--weights", weights, "--epochs", "1", "--lr", "1e-6"});
  EXPECT_NE(same.find("by torchvision's names: 10 tensors loaded\ntraining"), std::string::npos) << same;
  EXPECT_GE(accuracy_of(folder / "same"), 0.9) << same;
  train("three", "anew", {"--epochs", "1", "--lr", "1e-6"});
  EXPECT_LE(accuracy_of(folder / "anew"), 0.7) << "one epoch at this rate teaches nothing";
  const auto mean_of = [&](const std::string& run) {
    return read_safetensors(folder / (run + "/model.safetensors")).metadata.at("dlfs.mean");
  };
  const std::string two = train("two", "two", {"--weights", weights, "--epochs", "2"});
  EXPECT_NE(two.find("8 tensors loaded\n  begins anew: fc.weight is F32 [3,64], but must be [2,64]\n"
                     "  begins anew: fc.bias is F32 [3], but must be [2]\n"),
            std::string::npos)
      << two;
  EXPECT_GE(accuracy_of(folder / "two"), 0.9);
  EXPECT_EQ(mean_of("two"), mean_of("first")) << "the weights are used to it";
  EXPECT_EQ(read_file(weights), before);

  const Ended other = run_program({"train", "squeezenet1_1", "--data", folder / "two.db", "--weights",
                                   weights, "--device", "cpu", "--batch", "16", "--run", folder / "other"});
  EXPECT_EQ(other.code, 2);
  EXPECT_NE(other.err.find("does not fit the model"), std::string::npos) << other.err;
  EXPECT_FALSE(std::filesystem::exists(folder / "other")) << "no run was begun";
}

// Of CIFAR-10 seen ten images a class, and hardly learnt from: what it knows, it knew.
TEST(FromFiles, TrainingGoesOnFromOtherPeoplesWeights) {
  DLFS_NEEDS_DATA(data, "cifar10-jpeg");
  DLFS_NEEDS_DATA(weights, "weights");
  const Folder folder;
  for (const char* part : {"train", "test"})
    ASSERT_EQ(std::system(concat("tar xzf '", data, "/", part, ".tar.gz' -C '", folder.path(),
                                 "' --wildcards '", part, "/*/00[0-9]?.jpg'")
                              .c_str()),
              0);
  done({"import", "folders", folder.path(), "--db", folder / "some.db"});
  const std::string said = done({"train", "resnet20", "--data", folder / "some.db", "--device", "cpu",
                                 "--weights", weights + "/resnet20-cifar10.safetensors", "--epochs", "1",
                                 "--lr", "1e-5", "--run", folder / "run"});
  EXPECT_NE(said.find("by cifar's names: 97 tensors loaded\ntraining"), std::string::npos) << said;
  EXPECT_NEAR(accuracy_of(folder / "run"), 0.81, 0.05) << said;
}

TEST(SlowFromFiles, SmallCnnLearnsCifar10FromItsJpegFiles) {
  DLFS_NEEDS_DATA(data, "cifar10-jpeg");
  const Folder folder;
  for (const char* part : {"train", "test"})
    ASSERT_EQ(std::system(concat("tar xzf '", data, "/", part, ".tar.gz' -C '", folder.path(), "'").c_str()),
              0);
  const std::string store = folder / "cifar.db", run = folder / "run";
  done({"import", "folders", folder.path(), "--db", store});
  const auto start = std::chrono::steady_clock::now();
  done({"train", "small_cnn", "--data", store, "--device", "cpu", "--epochs", "2", "--lr", "0.05",
        "--augment", "flip", "--run", run});
  const std::chrono::duration<double, std::ratio<60>> minutes = std::chrono::steady_clock::now() - start;
  std::cout << "  top-1 " << accuracy_of(run) << " after 2 epochs, " << fixed(minutes.count(), 1)
            << " minutes\n";
  EXPECT_GE(accuracy_of(run), 0.45);
}

}  // namespace
}  // namespace dlfs::testing
