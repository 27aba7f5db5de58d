#include "dlfs/data/formats/paths.h"

#include <gtest/gtest.h>

#include <sys/stat.h>

#include <filesystem>

#include "dlfs/base/file.h"
#include "dlfs/base/folder.h"
#include "dlfs/base/json.h"
#include "dlfs/data/codec/png.h"
#include "dlfs/data/formats/formats.h"
#include "dlfs/data/formats/xml.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/folder.h"

namespace dlfs {
namespace {

namespace fs = std::filesystem;

TEST(Paths, AreMadeRelativeOrRefused) {
  for (const char* path : {"a/b.jpg", "./a//b.jpg", "a\\b.jpg", ".\\a/./b.jpg"})
    EXPECT_EQ(relative_path(path), "a/b.jpg") << path;
  EXPECT_EQ(relative_path("..a/b..jpg"), "..a/b..jpg");
  for (const char* path : {"", ".", "/", "/a", "..", "a/..", "a/../b", "..\\a", "a\nb", "./"})
    EXPECT_EQ(relative_path(path), std::nullopt) << path;
  EXPECT_EQ(relative_path(std::string("a\0b", 3)), std::nullopt);
  EXPECT_EQ(relative_path(std::string(4097, 'a')), std::nullopt);
}

TEST(Paths, NamesSayWhatTheyAre) {
  EXPECT_TRUE(is_image_name("a/b.JPeG"));
  EXPECT_FALSE(is_image_name("jpg"));
  EXPECT_FALSE(is_image_name(".jpg/a"));
  EXPECT_EQ(without_ending("a.b/c"), "a.b/c");
  EXPECT_EQ(without_ending("a/b.c.jpg"), "a/b.c");
  EXPECT_EQ(file_name("a/b.c"), "b.c");
  EXPECT_EQ(split_of("Train2017"), Split::train);
  EXPECT_EQ(split_of("valid"), Split::validation);
  EXPECT_EQ(split_of("test-dev"), Split::test);
  for (const char* name : {"minival", "trains", "valve", "tester", "", "2017train"})
    EXPECT_EQ(split_of(name), std::nullopt) << name;
}

// What leads from root/images to root/secret.png, or elsewhere out of it.
std::vector<std::string> payloads(const std::string& root) {
  std::vector<std::string> all = {"../secret.png",
                                  "..\\secret.png",
                                  ".\\..\\secret.png",
                                  "./../secret.png",
                                  "a/../../secret.png",
                                  "a\\..\\..\\secret.png",
                                  "../images/../secret.png",
                                  "../images-evil/secret.png",
                                  "..//secret.png",
                                  "..///secret.png",
                                  "..../secret.png",
                                  "....//secret.png",
                                  "..;/secret.png",
                                  "%2e%2e/secret.png",
                                  "%2e%2e%2fsecret.png",
                                  "..%2fsecret.png",
                                  "..%5csecret.png",
                                  "%252e%252e%252fsecret.png",
                                  "..%c0%afsecret.png",
                                  "..%u2215secret.png",
                                  "\xE2\x80\xA5/secret.png",
                                  "..\xE2\x88\x95secret.png",
                                  "\xEF\xBC\x8E\xEF\xBC\x8E/secret.png",
                                  "/secret.png",
                                  "//secret.png",
                                  root + "/secret.png",
                                  "/" + root + "/secret.png",
                                  "file://" + root + "/secret.png",
                                  "file:" + root + "/secret.png",
                                  "~/secret.png",
                                  "~root/x.png",
                                  "C:\\secret.png",
                                  "C:/secret.png",
                                  "\\\\host\\share\\secret.png",
                                  "\\secret.png",
                                  "/proc/self/cwd/secret.png",
                                  "/proc/self/root" + root + "/secret.png",
                                  "/proc/self/fd/0",
                                  "/dev/zero",
                                  "/dev/stdin",
                                  "/etc/passwd",
                                  "link.png",
                                  "deep/link.png",
                                  "absolute.png",
                                  "up/secret.png",
                                  "rooted" + root + "/secret.png",
                                  "chain.png",
                                  "loop.png",
                                  "self/link.png",
                                  "magic/cwd/secret.png",
                                  "fifo.png",
                                  "",
                                  ".",
                                  "..",
                                  "/",
                                  "./",
                                  "a/..",
                                  "..\n/secret.png",
                                  std::string("../secret.png\0.jpg", 18),
                                  std::string("\0../secret.png", 14),
                                  "../secret.png\x7F",
                                  " ../secret.png",
                                  "../ secret.png",
                                  "..\t/secret.png",
                                  std::string(5000, 'a') + "/../../secret.png"};
  std::string up;
  for (int i = 0; i < 12; ++i) all.push_back((up += "../") + root.substr(1) + "/secret.png");
  return all;
}

class Traversal : public ::testing::Test {
 protected:
  Traversal() {
    for (const char* name : {"images/deep", "images-evil", "Annotations"}) make_directories(folder_ / name);
    const std::vector<uint8_t> pixels(123 * 45);
    const Bytes secret = encode_png(ImageView{.size = {123, 45}, .pixels = pixels});
    write_file(folder_ / "secret.png", secret);
    write_file(folder_ / "images-evil/secret.png", secret);
    const auto link = [&](const std::string& to, const std::string& name) {
      fs::create_symlink(to, folder_ / "images/" + name);
    };
    link("../secret.png", "link.png");
    link("../../secret.png", "deep/link.png");
    link(folder_ / "secret.png", "absolute.png");
    link("..", "up");
    link("/", "rooted");
    link("link.png", "chain.png");
    link("loop.png", "loop.png");
    link(".", "self");
    link("/proc/self", "magic");
    EXPECT_EQ(::mkfifo((folder_ / "images/fifo.png").c_str(), 0600), 0);
  }

  // Imports, and looks at what is in the store then: no path leads out, and nothing was seen of the secret's size.
  void expect_contained(const ImportRequest& request, const std::string& payload) {
    const std::string db = folder_ / concat("my", count_++, ".db");
    {
      Store store(db, StoreUse::create);
      try {
        import_annotations(store, request);
      } catch (const FileError&) {
        EXPECT_EQ(store.image_count(), 0) << payload;
      }
    }
    Store(db, StoreUse::read).for_each_image([&](const ImageWithBoxes& found) {
      EXPECT_EQ(relative_path(found.image.path), found.image.path) << payload;
      EXPECT_NE(found.image.size.width, 123) << payload;
      const bool is_there = Folder(folder_ / "images").has(found.image.path);
      EXPECT_TRUE(!is_there || fs::canonical(folder_ / "images/" + found.image.path)
                                   .string()
                                   .starts_with(fs::canonical(folder_ / "images/").string()))
          << payload;
    });
  }

  testing::Folder folder_{testing::Folder::in_memory()};
  int count_ = 0;
};

TEST_F(Traversal, NoNameInAFileLeadsOutOfTheImageFolder) {
  const std::vector<std::string> all = payloads(folder_.path());
  EXPECT_GE(all.size(), 75U);
  for (const std::string& payload : all) {
    const std::string name = JsonWriter().value(payload).text();
    write_file(folder_ / "instances.json", concat(R"({"images": [{"id": 1, "file_name": )", name,
                                                  R"(}], "annotations": [], "categories": []})"));
    expect_contained({.format = "coco", .path = folder_ / "instances.json", .images = folder_ / "images"},
                     payload);
    write_file(folder_ / "Annotations/a.xml",
               concat("<annotation><filename>", escape_xml(payload), "</filename></annotation>"));
    expect_contained({.format = "voc", .path = folder_.path(), .images = folder_ / "images"}, payload);
    write_file(folder_ / "tasks.json", concat(R"([{"data": {"image": )", name, "}}]"));
    expect_contained({.format = "label-studio", .path = folder_ / "tasks.json", .images = folder_ / "images"},
                     payload);
  }
}

TEST_F(Traversal, NoLinkInAFolderLeadsOutOfIt) {
  write_file(folder_ / "data.yaml", "names: [a]");
  expect_contained({.format = "yolo", .path = folder_.path(), .images = folder_ / "images"}, "yolo");
  fs::remove(folder_ / "images/chain.png");
  fs::create_directories(folder_ / "images/deep/more");
  expect_contained({.format = "folders", .path = folder_ / "images"}, "folders");
  // Nor does a link among the annotations.
  write_file(folder_ / "secret.xml", "<annotation><filename>secret</filename></annotation>");
  fs::create_symlink("../secret.xml", folder_ / "Annotations/a.xml");
  Store store(folder_ / "my.db", StoreUse::create);
  EXPECT_EQ(
      testing::error_of([&] { import_annotations(store, {.format = "voc", .path = folder_.path()}); }),
      "[file] " + (folder_ / "Annotations: the name \"a.xml\" leads out of this folder, and is not read"));
}

}  // namespace
}  // namespace dlfs
