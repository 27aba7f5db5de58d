#include <gtest/gtest.h>

#include "dlfs/base/file.h"
#include "dlfs/data/formats/coco_file.h"
#include "dlfs/data/formats/formats.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/folder.h"
#include "dlfs/testing/store_rows.h"

namespace dlfs::testing {
namespace {

// A file of two images, with parts replaced.
struct CocoText {
  std::string images = R"({"id": 7, "file_name": "a.jpg", "width": 640, "height": 480, "license": 3},
                          {"id": 4, "file_name": "b.jpg", "width": 320, "height": 240})";
  std::string annotations = R"({"id": 1, "image_id": 7, "category_id": 9, "bbox": [1.5, 2, 30, 40.25]})";
  std::string categories = R"({"id": 9, "name": "cat", "supercategory": "animal"}, {"id": 2, "name": "dog"})";
  std::string more = {};
  std::string text() const {
    return "{\"images\": [" + images + "], \"annotations\": [" + annotations + "], \"categories\": [" +
           categories + "]" + more + "}";
  }
};

std::string fault_of(const CocoText& text) {
  return error_of([&] { read_coco(text.text(), "f.json"); });
}
std::string fault_of_annotation(const std::string& members) {
  return fault_of({.annotations = R"({"id": 1, "image_id": 7, "category_id": 9, "bbox": [1, 2, 3, 4]}, {)" +
                                  members + "}"});
}

TEST(Coco, KeepsWhatTheFileSays) {
  const std::string text =
      CocoText{
          .annotations =
              R"({"id": 12345678901234567, "image_id": 7, "category_id": 9, "bbox": [1.5, 2, 30, 40.25], "area": 99.125,
                       "iscrowd": 1, "segmentation": {"counts": [307200], "size": [480, 640]}, "note": {"by": "\u00e9"}},
                      {"id": 5, "image_id": 7, "category_id": 2, "bbox": [0, 0, 0, 0], "segmentation": [[1, 2.50, 3e0, 4]]})"}
          .text();
  const CocoFile file = read_coco(text, "f.json");
  ASSERT_EQ(file.images.size(), 2U);
  EXPECT_EQ(file.images[0].path, "a.jpg");
  EXPECT_EQ(file.images[0].extra, R"({"license":3})");
  EXPECT_EQ(file.images[1].source_id, 4);
  EXPECT_EQ(file.categories[0].supercategory, "animal");
  const CocoAnnotation& crowd = file.annotations[0];
  EXPECT_EQ(crowd.id, 12345678901234567);
  EXPECT_EQ(crowd.box, (BoundingBox{1.5F, 2, 30, 40.25F}));
  EXPECT_EQ(crowd.area, 99.125);
  EXPECT_TRUE(crowd.crowd);
  EXPECT_EQ(crowd.segmentation, R"({"counts": [307200], "size": [480, 640]})");
  EXPECT_EQ(crowd.extra, R"({"note":{"by": "\u00e9"}})");
  EXPECT_EQ(file.annotations[1].segmentation, "[[1, 2.50, 3e0, 4]]");  // to the letter
  EXPECT_EQ(file.annotations[1].category, 1U);
  EXPECT_EQ(file.starts, (std::vector<uint32_t>{0, 2, 2}));
  EXPECT_EQ(read_coco(CocoText{}.text(), "f").annotations[0].area,
            30 * 40.25);  // of the box, where the file has none
}

TEST(Coco, RefusesRecordsThatLackOrMistakeSomething) {
  const std::string there = "[coco] f.json: annotations[1]: ";
  EXPECT_EQ(fault_of_annotation(R"("id": 2, "image_id": 7, "category_id": 9)"), there + "has no bbox");
  EXPECT_EQ(fault_of_annotation(R"("image_id": 7, "category_id": 9, "bbox": [1, 2, 3, 4])"),
            there + "has no id");
  EXPECT_EQ(fault_of_annotation(R"("id": 2, "image_id": 7, "category_id": 9, "bbox": [1, 2, 3])"),
            there + "bbox has 3 numbers, not [x, y, width, height]");
  EXPECT_EQ(fault_of_annotation(R"("id": 2, "image_id": 7, "category_id": 9, "bbox": [1, 2, -3, 4])"),
            there + "bbox is -3 wide and 4 high, but neither can be below 0");
  EXPECT_EQ(fault_of_annotation(R"("id": 2, "image_id": 7, "category_id": 9, "bbox": [1, 2, 1e39, 4])"),
            there + "bbox has 1e+39, which no float holds");
  EXPECT_EQ(fault_of_annotation(R"("id": 2, "image_id": 7, "category_id": 9, "bbox": [1, 2, NaN, 4])"),
            there + "is no JSON: \"NaN, 4]}], …\" stands at byte 317, where a value is expected");
  EXPECT_EQ(fault_of_annotation(R"("id": 2.0)"), there + "id is 2.0, but must be a whole number of 64 bits");
  EXPECT_EQ(fault_of_annotation(R"("iscrowd": 2)"), there + "iscrowd is 2, but must be 0 or 1");
  EXPECT_EQ(fault_of_annotation(R"("area": -1)"), there + "area is -1");
  EXPECT_EQ(fault_of_annotation(R"("id": 2, "id": 3)"), there + "an object has \"id\" twice");
  EXPECT_EQ(fault_of({.images = R"({"id": 7, "file_name": "a.jpg", "width": 640})"}),
            "[coco] f.json: images[0]: is 640 wide and 0 high");
  EXPECT_EQ(fault_of({.images = R"({"id": 7, "file_name": "a.jpg", "width": -1, "height": 2})"}),
            "[coco] f.json: images[0]: width is -1, but must be from 0 to 16777216");
  EXPECT_EQ(fault_of({.more = ", \"info\": {\"year\": 02017}"}).substr(0, 26), "[coco] f.json: is no JSON:");
  EXPECT_EQ(error_of([] { read_coco(R"({"images": [], "annotations": []})", "f.json"); }),
            "[coco] f.json: has no categories");
  EXPECT_EQ(error_of([] { read_coco("[]", "f.json"); }),
            "[coco] f.json: is no JSON: \"[]\" stands at byte 0, where an object is expected");
}

TEST(Coco, RefusesReferencesAndIdsThatDoNotAddUp) {
  EXPECT_EQ(fault_of({.annotations = R"({"id": 1, "image_id": 8, "category_id": 9, "bbox": [1, 2, 3, 4]})"}),
            "[coco] f.json: annotation 1 has the image_id 8, which is not in the file");
  EXPECT_EQ(fault_of({.annotations = R"({"id": 1, "image_id": 7, "category_id": 1, "bbox": [1, 2, 3, 4]})"}),
            "[coco] f.json: annotation 1 has the category_id 1, which is not in the file");
  EXPECT_EQ(fault_of_annotation(R"("id": 1, "image_id": 7, "category_id": 9, "bbox": [1, 2, 3, 4])"),
            "[coco] f.json: two annotations have the id 1");
  EXPECT_EQ(fault_of({.images = R"({"id": 7, "file_name": "a.jpg"}, {"id": 7, "file_name": "b.jpg"})"}),
            "[coco] f.json: two images have the id 7");
  EXPECT_EQ(fault_of({.images = R"({"id": 7, "file_name": "a.jpg"}, {"id": 8, "file_name": "./a.jpg"})"}),
            "[coco] f.json: two images are called a.jpg");
  EXPECT_EQ(fault_of({.categories = R"({"id": 9, "name": "cat"}, {"id": 2, "name": "cat"})"}),
            "[coco] f.json: two categories are called cat");
}

TEST(Coco, SegmentationsAreHeldToTheirStructure) {
  const auto fault = [](const std::string& segmentation) {
    const std::string said = fault_of_annotation(
        R"("id": 2, "image_id": 7, "category_id": 9, "bbox": [1, 2, 3, 4], "segmentation": )" + segmentation);
    const std::string there = "[coco] f.json: annotations[1]: segmentation ";
    return said.starts_with(there) ? said.substr(there.size()) : said;
  };
  for (const char* good :
       {"null", "[]", "[[]]", "[[1,2,3,4,5,6],[0.5,-2,1e3,4]]", R"({"counts":[0,6],"size":[2,3]})",
        R"({"size":[2,3],"counts":"06"})", R"({"size":[480,640],"counts":"PP\\9"})"})
    EXPECT_EQ(fault(good), "no error") << good;
  EXPECT_EQ(fault("[1,2,3,4]"), "is no list of polygons, each [x, y, x, y, ...]");
  EXPECT_EQ(fault("[[1,2,3]]"), "has a polygon of 3 numbers, which is odd");
  EXPECT_EQ(fault("\"poly\""), "is neither a list of polygons nor run lengths");
  EXPECT_EQ(fault(R"({"counts":[3,4],"size":[2,3]})"), "has runs of 7 pixels, but its size [2, 3] has 6");
  EXPECT_EQ(fault(R"({"counts":[-3,9],"size":[2,3]})"), "has a run of -3 pixels");
  EXPECT_EQ(fault(R"({"counts":[9223372036854775807,9223372036854775807],"size":[2,3]})"),
            "has a run of 9223372036854775807 pixels");
  EXPECT_EQ(fault(R"({"counts":[6]})"), "has no counts, or no size of two numbers");
  EXPECT_EQ(fault(R"({"counts":[0],"size":[0,0]})"), "has no counts, or no size of two numbers");
  EXPECT_EQ(fault(R"({"counts":"0~","size":[2,3]})"), "has counts that are no run lengths");
  EXPECT_EQ(fault(R"({"counts":"oooooooooooooooooooo","size":[2,3]})"), "has counts that are no run lengths");
  EXPECT_EQ(fault(R"({"counts":"07","size":[2,3]})"), "has runs of 7 pixels, but its size [2, 3] has 6");
  EXPECT_NE(fault("[[1,\"2\"]]"), "no error");
}

// Each cut is refused, and a changed bit gives a file or a sentence.
TEST(Coco, IsReadOrRefusedWhateverWasCutOrChanged) {
  const std::string text =
      CocoText{
          .annotations =
              R"({"id": 2, "image_id": 7, "category_id": 9, "bbox": [1, 2, 3e0, 4], "x": "\u00e9", "segmentation":
                                  [[1, 2]]}, {"id": 3, "image_id": 4, "category_id": 2, "bbox": [1, 2, 3, 4], "segmentation":
                                  {"size": [480, 640], "counts": "PP\\9"}})"}
          .text();
  EXPECT_EQ(read_coco(text, "f").annotations.size(), 2U);
  for (size_t size = 0; size < text.size(); ++size)
    EXPECT_EQ(error_of([&] { read_coco(text.substr(0, size), "f"); }).substr(0, 10), "[coco] f: ") << size;
  size_t refused = 0;
  for (size_t bit = 0; bit < 8 * text.size(); ++bit) {
    std::string changed = text;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ 1 << bit % 8);
    refused += error_of([&] { read_coco(changed, "f"); }).starts_with("[coco] f: ") ? 1 : 0;
  }
  EXPECT_GT(refused, 4 * text.size());
}

class CocoFolder : public ::testing::Test {
 protected:
  CocoFolder() { make_directories(folder_ / "annotations"); }
  ImportReport import(const ImportRequest& request) {
    Store store(db_, StoreUse::create);
    return import_annotations(store, request);
  }
  std::string error(const ImportRequest& request) {
    return error_of([&] { import(request); });
  }
  std::vector<std::string> rows() const { return rows_of(Store(db_, StoreUse::read)); }
  Folder folder_;
  std::string db_ = folder_ / "my.db";
};

TEST_F(CocoFolder, FindsFilesImagesAndSplitsByTheirUsualNames) {
  for (const char* name : {"/train2017", "/images/val2017"}) make_directories(folder_.path() + name);
  write_file(folder_ / "train2017/a.jpg", "x");
  write_file(folder_ / "images/val2017/c.jpg", "x");
  write_file(folder_ / "annotations/instances_train2017.json", CocoText{}.text());
  write_file(folder_ / "annotations/instances_val2017.json",
             CocoText{.images = R"({"id": 1, "file_name": "c.jpg"})", .annotations = ""}.text());
  write_file(folder_ / "annotations/captions_val2017.json", "not even JSON");
  const ImportReport report = import({.format = "coco", .path = folder_.path()});
  EXPECT_EQ(report.images, 3);
  EXPECT_EQ(report.empty_images, 2);
  EXPECT_EQ(report.missing_files, 1);
  EXPECT_EQ(report.missing_file, "b.jpg");
  EXPECT_EQ(rows(), (std::vector<std::string>{"category cat of animal id 9", "category dog of  id 2",
                                              folder_ / "images/val2017 c.jpg 0x0 id 1 val ",
                                              folder_ / "train2017 a.jpg 640x480 id 7 train {\"license\":3}",
                                              "  cat [1.5,2,30,40.25] id 1 area [1207.5]  ",
                                              folder_ / "train2017 b.jpg 320x240 id 4 train "}));
  const ImportReport again = import({.format = "coco", .path = folder_.path()});
  EXPECT_EQ(again.images + again.annotations + again.categories, 0);
  EXPECT_EQ(again.known_images, 3);
  EXPECT_EQ(again.differing, 0);
}

TEST_F(CocoFolder, IsToldOtherwise) {
  make_directories(folder_ / "photos");
  write_file(folder_ / "boxes.json", CocoText{}.text());
  import({.format = "coco",
          .path = folder_.path(),
          .json = folder_ / "boxes.json",
          .images = folder_ / "photos",
          .split = Split::test});
  EXPECT_EQ(rows()[2].substr(0, (folder_ / "photos a.jpg 640x480 id 7 test").size()),
            folder_ / "photos a.jpg 640x480 id 7 test");
  EXPECT_EQ(error({.format = "coco", .path = folder_.path()}),
            "[coco] " + folder_.path() +
                ": has no annotations/instances_*.json; name a folder that has, or the file with --json");
  EXPECT_EQ(
      error({.format = "coco", .path = folder_ / "none"}),
      "[coco] " + (folder_ / "none") + ": is not there; name a folder that has, or the file with --json");
  EXPECT_EQ(error({.format = "coc", .path = folder_.path()}),
            "[import] there is no format coc, but coco, coco-results, voc, yolo, folders, idx, label-studio");
}

TEST_F(CocoFolder, FindsTheLayoutOfRoboflow) {
  for (const char* split : {"train", "valid"}) {
    make_directories(folder_ / split);
    write_file(folder_ / split + "/_annotations.coco.json", CocoText{}.text());
    write_file(folder_ / split + "/a.jpg", "x");
  }
  EXPECT_EQ(import({.format = "coco", .path = folder_.path()}).images, 4);
  EXPECT_NE(rows()[2].find("train a.jpg 640x480 id 7 train"), std::string::npos);
  EXPECT_NE(rows()[5].find("valid a.jpg 640x480 id 7 val"), std::string::npos);
}

TEST_F(CocoFolder, ImportsAllOrNothing) {
  write_file(folder_ / "annotations/instances_train2017.json", CocoText{}.text());
  write_file(folder_ / "annotations/instances_val2017.json", CocoText{.annotations = "{}"}.text());
  EXPECT_EQ(error({.format = "coco", .path = folder_.path()}),
            "[coco] " + (folder_ / "annotations/instances_val2017.json") + ": annotations[0]: has no id");
  EXPECT_TRUE(rows().empty());
  EXPECT_EQ(Store(db_, StoreUse::read).revision(), 0);
}

TEST_F(CocoFolder, ExportWritesBackIdsMasksAndFurtherMembers) {
  write_file(
      folder_ / "annotations/instances_val2017.json",
      CocoText{.annotations =
                   R"({"id": 50, "image_id": 7, "category_id": 9, "bbox": [0.1, 2, 30, 40.25], "area": 99.125,
                "iscrowd": 1, "segmentation": {"counts": [307200], "size": [480, 640]}, "note": {"by": "\u00e9"}})"}
          .text());
  import({.format = "coco", .path = folder_.path()});
  Store store(db_, StoreUse::write);
  Annotation label;
  label.image = label.category = 2;
  label.box = BoundingBox{1, 2, 3, 4};
  label.area = 12;
  store.put_label(label, "me");
  const ExportCounts counts = export_annotations(store, {.format = "coco", .path = folder_ / "out.json"});
  EXPECT_EQ(counts.annotations, 2);
  const Bytes bytes = read_file(folder_ / "out.json");
  EXPECT_EQ(text_of(bytes), R"({"info":{"description":"exported by dlfs"},"licenses":[],
"categories":[
{"id":9,"name":"cat","supercategory":"animal"},
{"id":2,"name":"dog"}],
"annotations":[
{"id":50,"image_id":7,"category_id":9,"bbox":[0.1,2,30,40.25],"area":99.125,"iscrowd":1,"segmentation":{"counts": [307200], "size": [480, 640]},"note":{"by": "\u00e9"}},
{"id":51,"image_id":4,"category_id":2,"bbox":[1,2,3,4],"area":12,"iscrowd":0}],
"images":[
{"id":7,"file_name":"a.jpg","width":640,"height":480,"license":3},
{"id":4,"file_name":"b.jpg","width":320,"height":240}]}
)");
  EXPECT_EQ(error_of([&] { export_annotations(store, {.format = "coco", .path = folder_ / "out.json"}); }),
            "[export] " + (folder_ / "out.json") + ": is there already; name one that is not");
  EXPECT_EQ(error_of([&] {
              export_annotations(store,
                                 {.format = "coco", .path = folder_ / "t.json", .split = Split::train});
            }),
            "[coco] " + db_ + ": has no images for train to export");
}

TEST_F(CocoFolder, ResultsGoInAndOutByTheIdsOfTheGroundTruth) {
  write_file(folder_ / "annotations/instances_val2017.json", CocoText{}.text());
  import({.format = "coco", .path = folder_.path()});
  const std::string text =
      "[\n{\"image_id\":4,\"category_id\":2,\"bbox\":[0.1,2,3,4],\"score\":0.236},\n"
      "{\"image_id\":4,\"category_id\":9,\"bbox\":[5,6,7,8.5],\"score\":0.5}]\n";
  write_file(folder_ / "results.json", text);
  const ImportRequest request{.format = "coco-results", .path = folder_ / "results.json", .model = "net"};
  EXPECT_EQ(import(request).predictions, 2);
  EXPECT_EQ(import(request).predictions, 0);  // known
  const Store store(db_, StoreUse::read);
  EXPECT_EQ(store.predictions(2).size(), 1U);
  const auto write = [&](const std::string& name, const std::string& model) {
    export_annotations(store, {.format = "coco-results", .path = folder_ / name, .model = model});
  };
  write("out.json", "net");
  const Bytes bytes = read_file(folder_ / "out.json");
  EXPECT_EQ(text_of(bytes), text);
  EXPECT_EQ(error_of([&] { write("b.json", "nut"); }),
            "[coco-results] " + db_ + ": has no predictions of a model called nut in these images");
  EXPECT_EQ(error_of([&] { write("b.json", ""); }),
            "[coco-results] needs --model, the name of the model whose predictions go out");
  write_file(folder_ / "results.json", R"([{"image_id":5,"category_id":2,"bbox":[1,2,3,4],"score":1}])");
  EXPECT_EQ(error(request),
            "[coco-results] " + request.path +
                ": [0]: image_id is 5, which the store does not have: import the ground truth first");
  write_file(folder_ / "results.json", R"([{"image_id":4,"category_id":2,"score":1}])");
  EXPECT_EQ(error(request),
            "[coco-results] " + request.path + ": [0]: has no image_id, category_id, bbox or score");
}

}  // namespace
}  // namespace dlfs::testing
