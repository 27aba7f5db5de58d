#include "dlfs/data/review/audit.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "dlfs/base/error.h"
#include "dlfs/base/random.h"
#include "dlfs/base/sha256.h"
#include "dlfs/data/codec/png.h"
#include "dlfs/data/review/label_check.h"
#include "dlfs/data/store/import.h"
#include "dlfs/testing/folder.h"

namespace dlfs {
namespace {

constexpr size_t everything = 1000;
constexpr Size usual = {60, 40};

// A scene in colour that the number chooses; `lighter` makes one that looks the same.
Picture scene(uint32_t number, uint8_t lighter = 0) {
  const Random random(combine(key_of("audit"), number));
  Picture picture(usual, {static_cast<uint8_t>(120 + lighter), 100, 90});
  for (uint32_t i = 0; i < 10; ++i) {
    const auto at = [&](uint32_t k, uint32_t most) {
      return static_cast<int>(random.below(8 * i + k, most));
    };
    const auto shade = [&](uint32_t k) { return static_cast<uint8_t>(at(k, 200) + lighter); };
    picture.fill({at(0, 50), at(1, 35), 5 + at(2, 25), 5 + at(3, 20)},
                 {.color = {shade(4), shade(5), shade(6)}});
  }
  return picture;
}

std::string read(const std::string& path) { return std::string(text_of(read_file(path))); }
std::string small_image(const std::string& name) {
  return read(DLFS_SOURCE_DIR "/dlfs/testing/images/" + name);
}

struct Label {
  std::string category;
  std::optional<BoundingBox> box;
};

// A store that is filled image by image.
class Planted : public ::testing::Test {
 protected:
  Planted() : store_(folder_ / "my.db", StoreUse::create) { make_directories(folder_ / "images"); }

  void write_scene(const std::string& name, uint32_t number, uint8_t lighter = 0) {
    write_png(folder_ / "images/" + name, scene(number, lighter));
  }
  void write(const std::string& name, const std::string& content) {
    write_file(folder_ / "images/" + name, content);
  }

  // Of an image whose file is there already, or is not to be.
  void add(const std::string& name, Split split, const std::vector<Label>& labels, Size size = usual,
           const std::string& sha256 = "") {
    if (!import_) {
      import_ = std::make_unique<Import>(store_, "test");
      images_ = import_->folder(folder_ / "images");
      for (const char* category : {"cat", "dog", "rare", "never"}) category_of(category);
    }
    ImageRecord record;
    record.folder = images_;
    record.path = name;
    record.size = size;
    record.split = split;
    record.sha256 = sha256;
    Annotation annotation;
    annotation.image = import_->image(record);
    for (const Label& label : labels) {
      annotation.category = category_of(label.category);
      annotation.box = label.box;
      annotation.area = label.box ? double{label.box->width} * label.box->height : 0;
      annotation.source_id = ++source_id_;
      import_->annotation(annotation);
    }
  }
  int64_t category_of(const std::string& name) {
    Category category;
    category.name = name;
    return import_->category(category);
  }
  // An image with nothing wrong.
  void add_good(const std::string& name, Split split, uint32_t number) {
    write_scene(name, number);
    add(name, split, {{"cat", BoundingBox{5, 5, 20, 20}}, {"dog", BoundingBox{10, 8, 30, 31.5F}}});
  }

  AuditReport audited(const AuditRequest& request = {.listed = everything}) {
    if (import_) import_->commit();
    import_.reset();
    return audit(store_, request);
  }

  // "kind name: what", sorted
  static std::vector<std::string> lines(const AuditReport& report) {
    std::vector<std::string> all;
    for (const FindingGroup& group : report.findings) {
      EXPECT_EQ(group.count, static_cast<int64_t>(group.listed.size())) << group.kind->name;
      for (const Finding& one : group.listed)
        all.push_back(concat(group.kind->name, " ", one.name, one.what.empty() ? "" : ": ", one.what));
    }
    std::sort(all.begin(), all.end());
    return all;
  }

  testing::Folder folder_;
  Store store_;
  std::unique_ptr<Import> import_;
  int64_t images_ = 0, source_id_ = 0;
};

using Lines = std::vector<std::string>;

TEST_F(Planted, ASetWithoutFaultsHasNoFindings) {
  for (uint32_t i = 0; i < 8; ++i)
    add_good(concat("good", i, ".png"), i < 5 ? Split::train : Split::validation, i);
  write_scene("rest.png", 9);
  add("rest.png", Split::train, {{"rare", BoundingBox{1, 1, 9, 9}}, {"never", BoundingBox{20, 1, 9, 9}}});
  const AuditReport report = audited();
  EXPECT_EQ(lines(report), Lines{});
  EXPECT_EQ(report.files.png, 9);
  EXPECT_EQ(report.labels.images, (SplitCounts{6, 3, 0, 0}));
  EXPECT_EQ(report.labels.boxes, (SplitCounts{12, 6, 0, 0}));
  EXPECT_EQ(report.labels.small, 18);
}

TEST_F(Planted, EveryFaultOfAFileIsFound) {
  for (uint32_t i = 0; i < 6; ++i)
    add_good(concat("good", i, ".png"), i < 4 ? Split::train : Split::validation, i);
  const std::vector<Label> labels = {{"rare", BoundingBox{2, 2, 20, 20}},
                                     {"never", BoundingBox{2, 2, 20, 20}}};
  const auto plant = [&](const std::string& name, const std::string& content, Split split = Split::train,
                         Size size = {45, 35}) {
    write(name, content);
    add(name, split, labels, size);
  };
  add("missing.png", Split::train, labels);
  make_directories(folder_ / "images/folder.png");
  add("folder.png", Split::train, labels);
  plant("half.jpg", small_image("colour_444.jpg").substr(0, 1000));
  plant("half.png", small_image("alpha.png").substr(0, 1500));
  plant("empty.jpg", "");
  plant("text.jpg", "no image");
  plant("wrong.png", read(folder_ / "images/good0.png").append("1"), Split::train, {61, 40});
  plant("copy.png", read(folder_ / "images/good1.png"), Split::train, usual);
  plant("leak.png", read(folder_ / "images/good2.png"), Split::test, usual);
  plant("cmyk.jpg", small_image("cmyk.jpg"));
  plant("gray.jpg", small_image("gray.jpg"));
  plant("turned.jpg", small_image("turned.jpg"), Split::validation, {35, 45});
  plant("lying.jpg", small_image("turned.jpg") + "1", Split::validation);
  write_scene("light.png", 4, 8);
  add("light.png", Split::train, labels);
  write_scene("changed.png", 11);
  add("changed.png", Split::train, labels, usual, std::string(64, '0'));
  write_png(folder_ / "images/blank.png", Picture(usual, {9, 9, 200}));
  add("blank.png", Split::train, labels);
  write_scene("new.png", 12);
  add("new.png", Split::train, labels, {0, 0});

  const AuditReport report = audited();
  EXPECT_EQ(
      lines(report),
      (Lines{"alike gray.jpg: looks like cmyk.jpg",
             "alike wrong.png: looks like good0.png",
             "blank blank.png",
             "changed changed.png",
             "cmyk cmyk.jpg",
             "copied copy.png: is the same as good1.png",
             "gray gray.jpg",
             "leaked leak.png: in test, is the same as good2.png in train",
             "leaked_alike good4.png: in val, looks like light.png in train",
             "leaked_alike lying.jpg: in val, looks like cmyk.jpg in train",
             "leaked_alike turned.jpg: in val, looks like cmyk.jpg in train",
             "learned new.png: 60 x 40",
             "missing missing.png",
             "rotated lying.jpg: orientation 6; the stored size is that of the file's rows",
             "rotated turned.jpg: orientation 6; the stored size is the upright one",
             "truncated half.jpg: ends before its last row",
             "truncated half.png: ends in the middle",
             "undecodable empty.jpg: is empty",
             "undecodable text.jpg: is neither JPEG, PNG nor PGM (P2, P5)",
             "unreadable folder.png: cannot read: Is a directory",
             "wrong_size lying.jpg: is 35 x 45 upright, but the store says 45 x 35, as it lies in the file",
             "wrong_size wrong.png: is 60 x 40, but the store says 61 x 40"}));
  EXPECT_EQ(report.count(Level::error), 9);
  EXPECT_EQ(report.count(Level::warning), 5);
}

TEST_F(Planted, EveryFaultOfALabelIsFound) {
  for (uint32_t i = 0; i < 4; ++i)
    add_good(concat("good", i, ".png"), i < 2 ? Split::train : Split::validation, i);
  const auto plant = [&](const std::string& name, uint32_t number, const std::vector<Label>& labels) {
    write_scene(name, number);
    add(name, Split::validation, labels);
  };
  plant("outside.png", 20, {{"cat", BoundingBox{60, 5, 10, 10}}, {"dog", BoundingBox{5, -20, 10, 20}}});
  plant("crossing.png", 21,
        {{"cat", BoundingBox{50.5F, 5, 10, 10}},
         {"dog", BoundingBox{50.75F, 5, 10, 10}},
         {"dog", BoundingBox{5, -0.75F, 10, 10}}});
  plant("nothing.png", 22, {{"cat", BoundingBox{30, 20, 0, 0}}, {"dog", BoundingBox{30, 20, 0.5F, 9}}});
  plant("doubled.png", 23,
        {{"cat", BoundingBox{5, 5, 30, 30}},
         {"cat", BoundingBox{5.25F, 5, 30, 30}},
         {"dog", BoundingBox{5, 5, 30, 30}},
         {"cat", BoundingBox{8, 5, 30, 30}}});
  plant("tiny.png", 24, {{"cat", BoundingBox{5, 5, 3, 3}}});
  plant("two.png", 25, {{"cat", {}}, {"dog", {}}});
  plant("rare.png", 26, {{"rare", BoundingBox{5, 5, 30, 30}}});
  plant("negative.png", 27, {});
  EXPECT_EQ(
      lines(audited()),
      (Lines{"crossing crossing.png: dog 10 x 10 at 5, -0.75 in 60 x 40",
             "crossing crossing.png: dog 10 x 10 at 50.75, 5 in 60 x 40",
             "degenerate nothing.png: cat 0 x 0 at 30, 20", "degenerate nothing.png: dog 0.5 x 9 at 30, 20",
             "doubled doubled.png: cat 30 x 30 at 5.25, 5",
             "outside outside.png: cat 10 x 10 at 60, 5 in 60 x 40",
             "outside outside.png: dog 10 x 20 at 5, -20 in 60 x 40", "relabelled two.png: cat, dog",
             "tiny tiny.png: cat 3 x 3 at 5, 5", "unlabelled negative.png",
             "untrained rare: 1 in val, 0 in test", "unused never"}));
}

TEST_F(Planted, TheStoreLearnsHashesAndSizesOnce) {
  add_good("a.png", Split::train, 1);
  write_scene("b.png", 2);
  add("b.png", Split::train,
      {
          {"rare", {}},
      },
      {0, 0});
  audited();
  const ImageRecord learned = store_.image(2).value();
  EXPECT_EQ(learned.sha256, to_hex(sha256(read_file(folder_ / "images/b.png"))));
  EXPECT_EQ(learned.size.width, 60);
  EXPECT_EQ(learned.size.height, 40);
  write_scene("a.png", 3);
  EXPECT_EQ(lines(audited()), (Lines{"changed a.png", "unused never"}));
  EXPECT_EQ(lines(audited()), (Lines{"changed a.png", "unused never"})) << "what it says stands";
}

TEST_F(Planted, AnAuditThatRecordsNothingLeavesTheStore) {
  write_scene("b.png", 2);
  add("b.png", Split::train, {}, {0, 0});
  audited({.record = false});
  EXPECT_EQ(store_.image(1)->sha256, "");
  EXPECT_EQ(store_.image(1)->size.width, 0);
}

TEST_F(Planted, ListsTheFirstAndCountsAllWhateverTheThreads) {
  for (int i = 0; i < 50; ++i) add(concat("missing", i, ".png"), Split::train, {});
  for (const int threads : {1, 4}) {
    const AuditReport report = audited({.threads = threads, .listed = 2});
    ASSERT_EQ(report.findings[0].kind->fault, Fault::missing);
    EXPECT_EQ(report.findings[0].count, 50);
    ASSERT_EQ(report.findings[0].listed.size(), 2U);
    EXPECT_EQ(report.findings[0].listed[0].name, "missing0.png");
    EXPECT_EQ(report.findings[0].listed[1].name, "missing1.png");
  }
}

TEST_F(Planted, AFolderThatIsGoneIsSaidOfEachImage) {
  add_good("a.png", Split::train, 1);
  add_good("b.png", Split::train, 2);
  import_->commit();
  import_.reset();
  std::filesystem::remove_all(folder_ / "images");
  const AuditReport report = audited();
  ASSERT_EQ(report.findings[0].kind->fault, Fault::missing);
  EXPECT_EQ(report.findings[0].count, 2);
  EXPECT_NE(report.findings[0].listed[0].what.find("cannot open the folder"), std::string::npos);
}

TEST(Audit, OfSeveralFoldersEachIsNamedBeyondWhatTheyShare) {
  const testing::Folder folder;
  Store store(folder / "my.db", StoreUse::create);
  Import import(store, "test");
  ImageRecord image;
  image.path = "x.png";
  for (const char* name : {"images/train", "images/test"}) {
    make_directories(folder / name);
    image.folder = import.folder(folder / name);
    import.image(image);
  }
  import.commit();
  const AuditReport report = audit(store, {});
  ASSERT_EQ(report.findings[0].listed.size(), 2U);
  EXPECT_EQ(report.findings[0].listed[0].name, "train/x.png");
  EXPECT_EQ(report.findings[0].listed[1].name, "test/x.png");
}

TEST(Audit, ManyBoxesInOneColumnDoNotTakeLong) {
  const std::vector<Category> categories{{.id = 1, .name = "a", .supercategory = "", .source_id = {}}};
  Findings findings(10);
  LabelCheck check(categories, findings);
  ImageWithBoxes image;
  for (int i = 0; i < 100'000; ++i) {
    Annotation& one = image.annotations.emplace_back();
    one.id = i + 1;
    one.category = 1;
    one.box = BoundingBox{0, 20.0F * static_cast<float>(i), 10, 10};
  }
  const auto start = std::chrono::steady_clock::now();
  check.take(image, {10, 2'000'000}, "a.png");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST(Audit, AnEmptyStoreHasNoFindings) {
  const testing::Folder folder;
  Store store(folder / "my.db", StoreUse::create);
  EXPECT_TRUE(audit(store, {}).findings.empty());
}

}  // namespace
}  // namespace dlfs
