// From class folders to a trained classifier, as a user does it: import, audit, train, eval, predict.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <iostream>

#include "dlfs/base/json.h"
#include "dlfs/base/random.h"
#include "dlfs/base/text.h"
#include "dlfs/data/codec/png.h"
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
