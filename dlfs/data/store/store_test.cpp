#include "dlfs/data/store/store.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <iostream>

#include "dlfs/base/file.h"
#include "dlfs/data/store/database.h"
#include "dlfs/data/store/import.h"
#include "dlfs/data/store/snapshot.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/folder.h"
#include "dlfs/testing/stores.h"

namespace dlfs {
namespace {

namespace fs = std::filesystem;
using testing::all_of;
using testing::error_of;
using testing::fill;

ImageRecord image_at(int64_t folder, const std::string& path) {
  ImageRecord image;
  image.folder = folder;
  image.path = path;
  return image;
}

Category category_of(const std::string& name) {
  Category category;
  category.name = name;
  return category;
}

Annotation box_of(int64_t image, int64_t category, const BoundingBox& box) {
  Annotation annotation;
  annotation.image = image;
  annotation.category = category;
  annotation.box = box;
  annotation.area = double{box.width} * box.height;
  return annotation;
}

class AnnotationStore : public ::testing::Test {
 protected:
  testing::Folder folder_;
  std::string path_ = folder_ / "my.db";
};

TEST_F(AnnotationStore, GivesBackWhatAnImportBrought) {
  const testing::Contents contents = testing::random_contents({.seed = 1, .images = 40});
  Store store(path_, StoreUse::create);
  const ImportCounts counts = fill(store, folder_ / "images", contents);
  EXPECT_EQ(counts.images, 40);
  EXPECT_EQ(counts.annotations, static_cast<int64_t>(contents.annotations()));
  EXPECT_EQ(store.image_count(), 40);
  EXPECT_EQ(store.revision(), 1);
  testing::expect_equal(all_of(store), contents.images);
  testing::expect_equal(all_of(Store(path_, StoreUse::read)), contents.images);
  for (const ImageWithBoxes& one : contents.images) {
    testing::expect_equal({*store.image_with_boxes(one.image.id)}, {one});
    EXPECT_EQ(store.image(one.image.id)->path, one.image.path);
  }
  EXPECT_FALSE(store.image(41));
  EXPECT_FALSE(store.image_with_boxes(0));
  const auto categories = store.categories();
  ASSERT_EQ(categories.size(), contents.categories.size());
  for (size_t i = 0; i < categories.size(); ++i) {
    EXPECT_EQ(categories[i].name, contents.categories[i].name);
    EXPECT_EQ(categories[i].supercategory, contents.categories[i].supercategory);
    EXPECT_EQ(categories[i].source_id, contents.categories[i].source_id);
  }
}

TEST_F(AnnotationStore, ChangesNothingWhenTheSameIsImportedAgain) {
  for (const bool source_ids : {true, false}) {
    const testing::Contents contents =
        testing::random_contents({.seed = 2, .images = 30, .source_ids = source_ids});
    const std::string path = folder_ / (source_ids ? "with.db" : "without.db");
    Store store(path, StoreUse::create);
    const ImportCounts first = fill(store, folder_ / "images", contents);
    const std::string before(text_of(read_file(path + "-wal")));
    const ImportCounts second = fill(store, folder_ / "images", contents);
    EXPECT_EQ(second, (ImportCounts{.known_images = first.images, .known_annotations = first.annotations}));
    EXPECT_EQ(store.revision(), 1);
    EXPECT_EQ(text_of(read_file(path + "-wal")), before);
    testing::expect_equal(all_of(store), contents.images);
  }
}

TEST_F(AnnotationStore, AddsOnlyWhatIsNew) {
  testing::Contents contents = testing::random_contents({.seed = 3, .images = 20});
  Store store(path_, StoreUse::create);
  fill(store, folder_ / "images", contents);
  Annotation more = contents.images[4].annotations.at(0);
  more.source_id = 1'000'000;
  contents.images[4].annotations.push_back(more);
  contents.images[5].annotations.at(0).area += 1;
  contents.images[6].image.split = contents.images[6].image.split == Split::test ? Split::train : Split::test;
  const ImportCounts counts = fill(store, folder_ / "images", contents);
  EXPECT_EQ(counts.images, 0);
  EXPECT_EQ(counts.annotations, 1);
  EXPECT_EQ(counts.differing, 2);
  EXPECT_EQ(store.revision(), 2);
  EXPECT_EQ(store.image_with_boxes(5)->annotations.back().source_id, 1'000'000);
}

TEST_F(AnnotationStore, KeepsEqualBoxesOfASourceApart) {
  Store store(path_, StoreUse::create);
  const auto import = [&](int boxes) {
    Import one(store, "test");
    const int64_t image = one.image(image_at(one.folder(folder_.path()), "a.jpg"));
    const int64_t category = one.category(category_of("cat"));
    for (int i = 0; i < boxes; ++i) {
      one.annotation(box_of(image, category, {1, 2, 3, 4}));
    }
    return one.commit().annotations;
  };
  EXPECT_EQ(import(2), 2);
  EXPECT_EQ(import(2), 0);
  EXPECT_EQ(import(3), 1);
  EXPECT_EQ(store.image_with_boxes(1)->annotations.size(), 3U);
}

TEST_F(AnnotationStore, KnowsManyAnnotationsOfOneImageAgain) {
  Store store(path_, StoreUse::create);
  const auto import_once = [&] {
    Import one(store, "test");
    const int64_t image = one.image(image_at(one.folder(folder_.path()), "a.jpg"));
    const int64_t category = one.category(category_of("cat"));
    for (int i = 0; i < 40'000; ++i)
      one.annotation(box_of(image, category, {static_cast<float>(i), 2, 3, 4}));
    return one.commit();
  };
  EXPECT_EQ(import_once().annotations, 40'000);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(import_once().known_annotations, 40'000);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

TEST_F(AnnotationStore, KeepsNothingOfAnImportThatIsNotCommitted) {
  Store store(path_, StoreUse::create);
  {
    Import import(store, "test");
    import.image(image_at(import.folder(folder_.path()), "a.jpg"));
    EXPECT_EQ(Store(path_, StoreUse::read).image_count(), 0);
  }
  EXPECT_EQ(store.image_count(), 0);
  EXPECT_TRUE(store.folders().empty());
  EXPECT_EQ(store.revision(), 0);
}

TEST_F(AnnotationStore, RefusesRecordsThatCannotBe) {
  Store store(path_, StoreUse::create);
  Import import(store, "coco a.json");
  const int64_t folder = import.folder(folder_.path());
  for (const std::string path : {"../a.jpg", "/etc/passwd", "a/../../b", "", ".", "a/..", "b/../a.jpg"}) {
    EXPECT_EQ(error_of([&] { import.image(image_at(folder, path)); }),
              "[import] coco a.json: the image path \"" + path + "\" does not name a file within its folder");
  }
  EXPECT_EQ(import.image(image_at(folder, "./a//b.jpg")), import.image(image_at(folder, "a/b.jpg")));
  Annotation bad = box_of(1, import.category(category_of("cat")), {0, 0, NAN, 1});
  bad.area = 0;
  EXPECT_EQ(
      error_of([&] { import.annotation(bad); }),
      "[import] coco a.json: an annotation of image 1 is refused: its box has the number nan, which is not "
      "finite");
  EXPECT_THROW(import.annotation(box_of(99, 1, {1, 2, 3, 4})), InternalError);
  EXPECT_THROW(import.annotation(box_of(1, 99, {1, 2, 3, 4})), InternalError);
  EXPECT_THROW(import.image(image_at(99, "a.jpg")), InternalError);
}

TEST_F(AnnotationStore, MovesWithTheFoldersBeneathIt) {
  make_directories(folder_ / "here");
  {
    Store store(folder_ / "here/my.db", StoreUse::create);
    Import import(store, "test");
    import.image(image_at(import.folder(folder_ / "here/images"), "a.jpg"));
    import.image(image_at(import.folder(folder_ / "here"), "a.jpg"));
    import.image(image_at(import.folder(folder_ / "elsewhere/"), "a.jpg"));
    EXPECT_EQ(import.folder(folder_ / "here/../here/images/"), 1);
    import.commit();
  }
  fs::rename(folder_ / "here", folder_ / "there");
  const auto folders = Store(folder_ / "there/my.db", StoreUse::read).folders();
  const auto base = fs::canonical(folder_.path()).string();
  ASSERT_EQ(folders.size(), 3U);
  EXPECT_EQ(folders[0].path, base + "/there/images");
  EXPECT_EQ(folders[1].path, base + "/there");
  EXPECT_EQ(folders[2].path, base + "/elsewhere");
}

TEST_F(AnnotationStore, SaysWhatIsNoStore) {
  EXPECT_EQ(error_of([&] { Store(path_, StoreUse::read); }),
            "[file] " + path_ + ": cannot read: No such file or directory");
  write_file(path_, "<annotation>");
  for (const StoreUse use : {StoreUse::read, StoreUse::write, StoreUse::create}) {
    EXPECT_EQ(error_of([&] { Store(path_, use); }),
              "[store] " + path_ + ": is no annotation store: it is not an SQLite file");
  }
  write_file(path_, "");
  EXPECT_EQ(error_of([&] { Store(path_, StoreUse::read); }),
            "[store] " + path_ + ": is empty, and no annotation store yet: import into it");
  Store made(path_, StoreUse::create);
  EXPECT_EQ(made.revision(), 0);
  EXPECT_EQ(error_of([&] { Store(folder_.path(), StoreUse::read); }),
            "[file] " + folder_.path() + ": cannot read: Is a directory");
  Store reading(path_, StoreUse::read);
  EXPECT_EQ(error_of([&] { Import(reading, "test"); }), "[store] " + path_ + ": was opened for reading only");
}

// What a user without rights reads there, as the exit code of a process of its own: root may write anywhere.
int read_without_rights(const std::string& path) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) ::_exit(100);
    try {
      ::_exit(static_cast<int>(all_of(Store(path, StoreUse::read)).size()));
    } catch (const std::exception& error) {
      std::cerr << error.what() << "\n";
    }
    ::_exit(101);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}

TEST_F(AnnotationStore, IsReadWhereNothingMayBeWritten) {
  const std::string inner = folder_ / "what?is#100%25";
  make_directories(inner);
  const std::string path = inner + "/my.db";
  {
    Store store(path, StoreUse::create);
    fill(store, folder_ / "images", testing::random_contents({.seed = 4, .images = 9}));
  }
  fs::permissions(folder_.path(), fs::perms(0555));
  fs::permissions(inner, fs::perms(0555));
  EXPECT_EQ(read_without_rights(path), 9);
  fs::permissions(folder_.path(), fs::perms(0755));
  fs::permissions(inner, fs::perms(0755));
}

TEST_F(AnnotationStore, ReadersLeaveNoLogBehind) {
  fill(*std::make_unique<Store>(path_, StoreUse::create), folder_ / "images",
       testing::random_contents({.seed = 8, .images = 3}));
  const auto files = [&] { return std::distance(fs::directory_iterator(fs::path(path_).parent_path()), {}); };
  const auto before = files();
  {
    Store reader(path_, StoreUse::read);
    EXPECT_EQ(reader.image_count(), 3);
    EXPECT_EQ(error_of([&] { reader.add_category("x"); }),
              "[store] " + path_ + ": was opened for reading only");
  }
  EXPECT_EQ(files(), before);
}

TEST_F(AnnotationStore, HasALogThoughACopyLostIt) {
  const auto open = [&](StoreUse use) { return Store(path_, use).revision(); };
  open(StoreUse::create);
  const auto has_log = [&] { return read_file(path_)[18] == std::byte(2); };  // as SQLite's format says
  EXPECT_TRUE(has_log());
  Database raw(path_, {.write = true});
  run(raw, "PRAGMA journal_mode = DELETE");
  open(StoreUse::read);
  EXPECT_FALSE(has_log());
  open(StoreUse::write);
  EXPECT_TRUE(has_log());
}

TEST_F(AnnotationStore, IsAFileWhateverItsName) {
  fs::current_path(folder_.path());
  EXPECT_EQ(Store(":memory:", StoreUse::create).revision(), 0);
  EXPECT_TRUE(fs::exists(folder_ / ":memory:"));
  fs::current_path("/");
}

}  // namespace
}  // namespace dlfs
