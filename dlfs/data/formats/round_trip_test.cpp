// What goes out of a store in a format comes back as it was, in the columns that the format carries, and coming a second
// time changes nothing.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "dlfs/base/file.h"
#include "dlfs/base/random.h"
#include "dlfs/base/text.h"
#include "dlfs/data/formats/formats.h"
#include "dlfs/testing/data.h"
#include "dlfs/testing/folder.h"
#include "dlfs/testing/store_rows.h"

namespace dlfs::testing {
namespace {

constexpr Carried all{};
// COCO has every column of a box but the split, and no place for labels of whole images.
constexpr Carried by_coco{.split = false, .whole_images = false};
constexpr Carried by_voc{.source_ids = false, .masks = false, .supercategory = false, .whole_images = false};
constexpr Carried by_yolo{
    .source_ids = false, .masks = false, .extra = false, .supercategory = false, .whole_images = false};
constexpr Carried by_label_studio{
    .source_ids = false, .split = false, .masks = false, .extra = false, .supercategory = false};

ImportReport import_into(const std::string& db, const ImportRequest& request) {
  Store store(db, StoreUse::create);
  return import_annotations(store, request);
}

std::vector<std::string> rows(const std::string& db, const Carried& carried) {
  return rows_of(Store(db, StoreUse::read), carried);
}

void expect_nothing_new(const std::string& db, const ImportRequest& request) {
  Store store(db, StoreUse::write);
  const int64_t revision = store.revision();
  const ImportReport again = import_annotations(store, request);
  EXPECT_EQ(again.images + again.annotations + again.categories + again.differing, 0);
  EXPECT_EQ(again.known_images, store.image_count());
  EXPECT_EQ(store.revision(), revision);
}

// The labels of a Label Studio export, as its own export has them once somebody has accepted them.
void accept_predictions(const std::string& json) {
  const Bytes bytes = read_file(json);
  std::string text(text_of(bytes));
  for (size_t at = 0; (at = text.find("\"predictions\"", at)) != std::string::npos;)
    text.replace(at, 13, "\"annotations\"");
  write_file(json, text);
}

void expect_round_trip(const std::string& db, const std::string& format, const Carried& carried,
                       const Folder& folder, std::optional<Split> split = {}) {
  SCOPED_TRACE(format);
  const std::string out = folder / "out." + format, back = folder / "back." + format + ".db";
  const ExportCounts counts = export_annotations(Store(db, StoreUse::read), {.format = format, .path = out});
  if (format == "label-studio") accept_predictions(out);
  const ImportRequest request{.format = format, .path = out, .images = counts.root, .split = split};
  import_into(back, request);
  EXPECT_EQ(rows(back, carried), rows(db, carried));
  expect_nothing_new(back, request);
}

TEST(RoundTrip, Coco128) {
  DLFS_NEEDS_DATA(data, "coco128");
  const Folder folder;
  const std::string db = folder / "my.db";
  const ImportRequest request{.format = "coco", .path = data};
  const ImportReport report = import_into(db, request);
  EXPECT_EQ(report.images, 128);
  EXPECT_EQ(report.annotations, 939);
  EXPECT_EQ(report.categories, 80);
  EXPECT_EQ(report.missing_files, 0);
  expect_nothing_new(db, request);
  expect_round_trip(db, "coco", all, folder, Split::train);
  expect_round_trip(db, "voc", {.source_ids = false, .masks = false, .extra = false, .supercategory = false},
                    folder);
  expect_round_trip(db, "yolo", by_yolo, folder);
  expect_round_trip(db, "label-studio", by_label_studio, folder);
}

TEST(RoundTrip, CocoTiny38WithTwoSplits) {
  DLFS_NEEDS_DATA(data, "coco-tiny38");
  const Folder folder;
  const std::string db = folder / "my.db", back = folder / "back.db";
  const ImportReport report = import_into(db, {.format = "coco", .path = data});
  EXPECT_EQ(report.images, 38);
  EXPECT_EQ(report.annotations, 424);
  EXPECT_EQ(report.missing_files, 0);
  for (const Split split : {Split::train, Split::validation}) {
    const std::string json = folder / to_string(split) + ".json";
    const ExportCounts counts =
        export_annotations(Store(db, StoreUse::read), {.format = "coco", .path = json, .split = split});
    EXPECT_EQ(counts.root, data + "/images/" + (split == Split::train ? "train2017" : "val2017"));
    import_into(back, {.format = "coco", .path = json, .images = counts.root, .split = split});
  }
  EXPECT_EQ(rows(back, all), rows(db, all));
}

TEST(RoundTrip, CocoEval100WithoutImages) {
  DLFS_NEEDS_DATA(data, "coco-eval100");
  const Folder folder;
  const std::string db = folder / "my.db", truth = data + "/instances_val2014_100.json";
  const ImportReport report = import_into(db, {.format = "coco", .path = truth});
  EXPECT_EQ(report.images, 100);
  EXPECT_EQ(report.annotations, 839);
  EXPECT_EQ(report.missing_files, 100);
  expect_round_trip(db, "coco", all, folder, Split::validation);
  const ImportRequest results{.format = "coco-results",
                              .path = data + "/results/instances_val2014_fakebbox100_results.json",
                              .model = "fake"};
  const int64_t boxes = import_into(db, results).predictions;
  EXPECT_GT(boxes, 700);
  EXPECT_EQ(import_into(db, results).predictions, 0);
  const ExportCounts counts =
      export_annotations(Store(db, StoreUse::read),
                         {.format = "coco-results", .path = folder / "results.json", .model = "fake"});
  EXPECT_EQ(counts.annotations, boxes);
  EXPECT_EQ(import_into(db, {.format = "coco-results", .path = folder / "results.json", .model = "fake"})
                .predictions,
            0);
}

TEST(RoundTrip, Bccd) {
  DLFS_NEEDS_DATA(data, "bccd");
  const Folder folder;
  const std::string db = folder / "my.db";
  const ImportReport report = import_into(db, {.format = "voc", .path = data});
  EXPECT_EQ(report.images, 364);
  EXPECT_EQ(report.annotations, 4888);
  EXPECT_EQ(report.categories, 3);
  int64_t splits[4] = {}, points = 0;
  Store(db, StoreUse::read).for_each_image([&](const ImageWithBoxes& found) {
    ++splits[static_cast<size_t>(found.image.split)];
    for (const Annotation& one : found.annotations)
      points += one.box->width == 1 && one.box->height == 1 ? 1 : 0;
  });
  EXPECT_EQ(splits[0], 205);
  EXPECT_EQ(splits[1], 87);
  EXPECT_EQ(splits[2], 72);
  EXPECT_EQ(points, 2);  // of BloodImage_00338 and _00343: both ends belong to a box, so one pixel
  expect_round_trip(db, "voc", all, folder);
  expect_round_trip(db, "coco", {.source_ids = false, .split = false}, folder);
  expect_round_trip(db, "yolo", by_yolo, folder);
  expect_round_trip(db, "label-studio", by_label_studio, folder);
}

// `pattern` of tar: which files of it.
void import_cifar10(const std::string& data, const std::string& pattern, int64_t images) {
  const Folder folder(Folder::in_memory());
  make_directories(folder / "cifar10");
  for (const std::string part : {"train", "test"}) {
    const std::string command = concat("tar xzf '", data, "/", part, ".tar.gz' -C '", folder / "cifar10",
                                       "' --wildcards '", part, pattern, "'");
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
  }
  const std::string db = folder / "my.db";
  const ImportRequest request{.format = "folders", .path = folder / "cifar10"};
  const ImportReport report = import_into(db, request);
  EXPECT_EQ(report.images, images);
  EXPECT_EQ(report.annotations, images);
  EXPECT_EQ(report.categories, 10);
  Store(db, StoreUse::read).for_each_image([&](const ImageWithBoxes& found) {
    EXPECT_EQ(found.image.size.width, 32);
  });
  expect_nothing_new(db, request);
  // The two folders become one, from which the paths begin.
  const std::string json = folder / "out.json", back = folder / "back.db";
  const ExportCounts counts =
      export_annotations(Store(db, StoreUse::read), {.format = "label-studio", .path = json});
  EXPECT_EQ(counts.annotations, images);
  accept_predictions(json);
  import_into(back, {.format = "label-studio", .path = json, .images = counts.root});
  std::vector<std::string> expected = rows(db, by_label_studio);
  for (std::string& row : expected)
    for (const std::string part : {"cifar10/train ", "cifar10/test "})
      if (const size_t at = row.find(part); at != std::string::npos)
        row.replace(at, part.size(), "cifar10 " + part.substr(8, part.size() - 9) + "/");
  std::vector<std::string> found = rows(back, by_label_studio);
  std::sort(expected.begin(), expected.end());
  std::sort(found.begin(), found.end());
  EXPECT_EQ(found, expected);
}

TEST(RoundTrip, Cifar10AsClassFolders) {
  DLFS_NEEDS_DATA(data, "cifar10-jpeg");
  import_cifar10(data, "/*/000?.jpg", 200);
}

TEST(SlowRoundTrip, Cifar10AsClassFolders) {
  DLFS_NEEDS_DATA(data, "cifar10-jpeg");
  import_cifar10(data, "/*", 60'000);
}

TEST(SlowRoundTrip, MnistAsIdx) {
  DLFS_NEEDS_DATA(data, "mnist");
  const Folder folder(Folder::in_memory());
  const std::string db = folder / "my.db";
  const ImportRequest request{.format = "idx", .path = data, .images = folder / "mnist"};
  const ImportReport report = import_into(db, request);
  EXPECT_EQ(report.images, 70'000);
  EXPECT_EQ(report.annotations, 70'000);
  expect_nothing_new(db, request);
}

// ---- stores of random rows ----

struct Numbers {
  explicit Numbers(uint64_t seed) : random(combine(key_of("round trip"), seed)) {}
  uint32_t below(uint32_t bound) { return random.below(next++, bound); }
  bool one_in(uint32_t count) { return below(count) == 0; }
  template <typename Value>
  const Value& of(const std::vector<Value>& values) {
    return values[below(static_cast<uint32_t>(values.size()))];
  }
  Random random;
  uint64_t next = 0;
};

// Whole pixels, quarters, hundredths, or anything that is not lost among hundreds of pixels.
float coordinate(Numbers& numbers, float from, float to) {
  const float part = numbers.random.uniform(numbers.next++) * (to - from) + from;
  const uint32_t kind = numbers.below(5);
  if (kind == 0) return std::floor(part);
  if (kind == 1) return std::floor(part * 4) / 4;
  if (kind == 2) return static_cast<float>(std::floor(double{part} * 100) / 100);
  return kind == 3 || std::abs(part) < 0.01F ? 0 : part;
}

std::string random_segmentation(Numbers& numbers) {
  const uint32_t kind = numbers.below(5);
  if (kind == 0) return "";
  if (kind == 1) return "[]";
  if (kind == 2) return R"({"counts": [1, 2, 3], "size": [2, 3]})";
  if (kind == 3) return R"({"size":[480,640],"counts":"PP\\9"})";
  std::string text = "[[";
  for (uint32_t i = 2 * (3 + numbers.below(5)); i > 0; --i)
    text += concat(numbers.below(5000) / 100.0, i > 1 ? ", " : "]]");
  return text;
}

Annotation random_annotation(Numbers& numbers, const std::string& format, Size size,
                             const std::vector<int64_t>& categories) {
  Annotation one;
  one.category = numbers.of(categories);
  if (numbers.one_in(12)) return one;  // of the whole image
  const auto width = static_cast<float>(size.width), height = static_cast<float>(size.height);
  one.box = {coordinate(numbers, -width / 8, width), coordinate(numbers, -height / 8, height),
             coordinate(numbers, 0, width), coordinate(numbers, 0, height)};
  one.area = double{one.box->width} * double{one.box->height};
  if (format == "coco") {
    one.crowd = numbers.one_in(8);
    one.segmentation = random_segmentation(numbers);
    if (numbers.one_in(2)) one.area = numbers.below(1 << 30) / 1024.0;
    if (numbers.one_in(4)) one.extra = R"({"note":"\u00e9 \"x\"","list":[1, 2.50, {"a": null}]})";
  }
  if (format == "voc" && numbers.one_in(2)) one.extra = R"({"pose":"Left & right","difficult":1})";
  return one;
}

// In one folder; with ids of its source, or without any.
void fill_at_random(const std::string& db, const std::string& format, Numbers& numbers, const Folder& folder,
                    bool ids) {
  const std::vector<std::string> names = {"cat",      "R&D <x>",      "a \"quoted\" one",
                                          "it's: #1", "na\xC3\xAFve", "\xE6\x97\xA5\xE6\x9C\xAC",
                                          "[0]",      "{a: b}",       "back\\slash",
                                          "- dash"},
                                 starts = {"", "some/", "a b/", "deep/er/", "\xC3\xA9/", "50%/"};
  Store store(db, StoreUse::create);
  Import import(store, "test");
  const int64_t home = import.folder(folder / "images");
  std::vector<int64_t> categories;
  int64_t last_id = numbers.below(2) == 0 ? -5 : (int64_t{1} << 53) + 1;
  const auto next_id = [&] { return ids ? std::optional(last_id += 1 + numbers.below(1000)) : std::nullopt; };
  const uint32_t kinds = 1 + numbers.below(static_cast<uint32_t>(names.size()));
  for (uint32_t i = 0; i < kinds; ++i)
    categories.push_back(
        import.category({.id = 0,
                         .name = names[i],
                         .supercategory = format == "coco" && numbers.one_in(2) ? "kind" : "",
                         .source_id = next_id()}));
  const uint32_t images = 1 + numbers.below(6);
  for (uint32_t i = 0; i < images; ++i) {
    ImageRecord image;
    image.folder = home;
    image.path = concat(numbers.of(starts), "i", i, numbers.one_in(3) ? ".b c" : "",
                        numbers.one_in(2) ? ".jpg" : ".PNG");
    image.size = {1 + static_cast<int>(numbers.below(2000)), 1 + static_cast<int>(numbers.below(2000))};
    image.split = static_cast<Split>(numbers.below(4));
    image.source_id = next_id();
    if (format == "coco" && numbers.one_in(3)) image.extra = R"({"license":3,"url":"http://x/\u00e9"})";
    if (format == "yolo") {  // whose sizes are read off the files: the header of a PNG
      std::string start("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0ww\0\0hh\x08\0\0\0\0cccc\0\0\0\0IDATcccc", 45);
      for (const auto& [at, side] : {std::pair<size_t, int>{18, image.size.width}, {22, image.size.height}})
        start[at] = static_cast<char>(side >> 8), start[at + 1] = static_cast<char>(side);
      make_directories(std::filesystem::path(folder / "images/" + image.path).parent_path());
      std::ofstream(folder / "images/" + image.path, std::ios::binary) << start;
    }
    const int64_t id = import.image(image);
    for (uint32_t k = numbers.below(8); k > 0; --k) {
      Annotation one = random_annotation(numbers, format, image.size, categories);
      one.image = id;
      one.source_id = next_id();
      import.annotation(one);
    }
  }
  import.commit();
}

void round_trip_at_random(const std::string& format, Carried carried, uint64_t stores) {
  for (uint64_t seed = 0; seed < stores && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(concat("seed ", seed));
    Numbers numbers(seed);
    const Folder folder(Folder::in_memory());
    const bool ids = numbers.one_in(2);
    make_directories(folder / "images");
    fill_at_random(folder / "my.db", format, numbers, folder, ids);
    carried.source_ids = carried.source_ids && ids;
    expect_round_trip(folder / "my.db", format, carried, folder);
    carried.source_ids = format == "coco";
  }
}

TEST(RoundTrip, RandomStoresAsCoco) { round_trip_at_random("coco", by_coco, 67); }
TEST(RoundTrip, RandomStoresAsVoc) { round_trip_at_random("voc", by_voc, 67); }
TEST(RoundTrip, RandomStoresAsYolo) { round_trip_at_random("yolo", by_yolo, 67); }
TEST(SlowRoundTrip, RandomStoresAsCoco) { round_trip_at_random("coco", by_coco, 3400); }
TEST(SlowRoundTrip, RandomStoresAsVoc) { round_trip_at_random("voc", by_voc, 3300); }
TEST(SlowRoundTrip, RandomStoresAsYolo) { round_trip_at_random("yolo", by_yolo, 3300); }

}  // namespace
}  // namespace dlfs::testing
