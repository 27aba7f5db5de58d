#include <gtest/gtest.h>

#include "dlfs/base/file.h"
#include "dlfs/data/codec/png.h"
#include "dlfs/data/formats/formats.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/folder.h"
#include "dlfs/testing/store_rows.h"

namespace dlfs::testing {
namespace {

class ClassFolders : public ::testing::Test {
 protected:
  void file(const std::string& name, const std::string& text) const {
    make_directories((folder_ / name).substr(0, (folder_ / name).rfind('/')));
    write_file(folder_ / name, text);
  }
  ImportReport import(const std::string& format, const std::string& path,
                      const std::string& images = "") const {
    Store store(db_, StoreUse::create);
    return import_annotations(store, {.format = format, .path = path, .images = images});
  }
  std::vector<std::string> rows() const { return rows_of(Store(db_, StoreUse::read)); }
  std::string fault(const std::string& format, const std::string& path,
                    const std::string& images = "") const {
    return error_of([&] { import(format, path, images); });
  }

  Folder folder_;
  std::string db_ = folder_ / "my.db";
};

TEST_F(ClassFolders, LabelWholeImages) {
  file("data/cat/1.PGM", "P5 3 2 255\nabcdef");
  file("data/ant/x/2.jpg", "broken");
  file("data/ant/.hidden.jpg", "x");
  file("data/ant/notes.txt", "x");
  const ImportReport report = import("folders", folder_ / "data/");
  EXPECT_EQ(report.images, 2);
  EXPECT_EQ(report.left_out, 2);
  EXPECT_EQ(rows(), (std::vector<std::string>{
                        "category ant of  id -", "category cat of  id -",
                        folder_ / "data ant/x/2.jpg 0x0 id - none ", "  ant whole id - area [0]  ",
                        folder_ / "data cat/1.PGM 3x2 id - none ", "  cat whole id - area [0]  "}));
  EXPECT_EQ(import("folders", folder_ / "data").known_annotations, 2);
  file("data/3.jpg", "x");
  EXPECT_EQ(import("folders", folder_ / "data").left_out, 3);
}

TEST_F(ClassFolders, MayStandBelowSplits) {
  file("data/train/cat/1.jpg", "x");
  file("data/val/cat/1.jpg", "x");
  file("data/test/dog/1.jpg", "x");
  import("folders", folder_ / "data");
  EXPECT_EQ(rows()[2], folder_ / "data/test dog/1.jpg 0x0 id - test ");
  EXPECT_EQ(rows()[4], folder_ / "data/train cat/1.jpg 0x0 id - train ");
  EXPECT_EQ(rows()[6], folder_ / "data/val cat/1.jpg 0x0 id - val ");
}

TEST_F(ClassFolders, AreNoClassesWhereSplitsAre) {
  file("data/train/cat/1.jpg", "x");
  file("data/notes/readme.txt", "x");
  import("folders", folder_ / "data");
  EXPECT_EQ(rows()[1], folder_ / "data/train cat/1.jpg 0x0 id - train ") << "and train is no class";
  file("data/val/1.jpg", "x");
  EXPECT_EQ(fault("folders", folder_ / "data"),
            concat("[folders] ", folder_ / "data/val: holds images beside ", folder_ / "data/train",
                   ", but is no train, val or test of folders of classes; move it away"));
  file("vehicles/train/1.jpg", "x");
  file("vehicles/car/1.jpg", "x");
  EXPECT_EQ(import("folders", folder_ / "vehicles").images, 2) << "a class may be called train";
}

TEST_F(ClassFolders, ThatAreLinksAreNotPassedInSilence) {
  file("data/cat/1.jpg", "x");
  std::filesystem::create_directory_symlink(folder_ / "data/cat", folder_ / "data/dog");
  EXPECT_EQ(fault("folders", folder_ / "data"),
            "[import] " +
                (folder_ / "data/dog: is a link to a folder, and none is followed; put the folder there"));
}

TEST_F(ClassFolders, RefuseAFolderWithoutImages) {
  make_directories(folder_ / "data/cat");
  EXPECT_EQ(fault("folders", folder_ / "data"),
            "[folders] " + (folder_ / "data: holds no images in folders of classes"));
  EXPECT_EQ(fault("folders", folder_ / "none"), "[folders] " + (folder_ / "none: is no folder"));
  EXPECT_EQ(fault("folders", folder_ / "data", folder_ / "none"),
            "[folders] --images is " + (folder_ / "none, which is no folder"));
}

// An export would write them otherwise, and the image would not be found again.
TEST_F(ClassFolders, RefuseNamesThatAreNotUtf8) {
  file("data/cat/b\xE4r.jpg", "x");
  EXPECT_EQ(fault("folders", folder_ / "data"),
            "[folders] the file \"cat/b\uFFFDr.jpg\" has a name that is not UTF-8: rename it");
  file("more/b\xE4r/1.jpg", "x");
  EXPECT_EQ(fault("folders", folder_ / "more"),
            "[folders] the category \"b\uFFFDr\" has a name that is not UTF-8: rename it");
}

// MNIST's four files of two images each.
void write_idx(const Folder& folder) {
  for (const std::string start : {"train", "t10k"}) {
    write_file(folder / start + "-images-idx3-ubyte",
               std::string("\0\0\10\3\0\0\0\2\0\0\0\2\0\0\0\3", 16) + "abcdefghijkl");
    write_file(folder / start + "-labels-idx1-ubyte", std::string("\0\0\10\1\0\0\0\2\0\1", 10));
  }
}

TEST_F(ClassFolders, IdxFilesBecomeThemWithPng) {
  write_idx(folder_);
  EXPECT_EQ(import("idx", folder_.path(), folder_ / "png").images, 4);
  const std::vector<std::string> found = rows();
  ASSERT_EQ(found.size(), 10U);
  EXPECT_EQ(found[2], folder_ / "png/test 00000.png 3x2 id - test ");
  EXPECT_EQ(found[9], "  1 whole id - area [0]  ");
  const Image image = read_image(folder_ / "png/train/00001.png");
  EXPECT_EQ(std::string(image.pixels.begin(), image.pixels.end()), "ghijkl");
  EXPECT_EQ(import("idx", folder_.path(), folder_ / "png").known_images, 4);
  EXPECT_EQ(fault("idx", folder_.path()),
            "[idx] needs --images, the folder to write its images to as PNG files");
  std::filesystem::resize_file(folder_ / "png/train/00001.png",
                               20);  // as an import leaves it that was killed
  EXPECT_EQ(import("idx", folder_.path(), folder_ / "png").known_images, 4);
  EXPECT_EQ(read_image(folder_ / "png/train/00001.png").pixels, image.pixels);
  std::filesystem::remove(folder_ / "png/test/00001.png");
  write_file(folder_ / "png/test/00001.png", "mine");
  EXPECT_EQ(
      fault("idx", folder_.path(), folder_ / "png"),
      "[idx] " +
          (folder_ /
           "png/test/00001.png: is there already, and is another image; name a new folder with --images"));
}

}  // namespace
}  // namespace dlfs::testing
