#include <gtest/gtest.h>

#include "dlfs/base/file.h"
#include "dlfs/data/formats/formats.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/folder.h"
#include "dlfs/testing/store_rows.h"

namespace dlfs::testing {
namespace {

std::string box(const std::string& numbers, const std::string& label = "\"cat\"") {
  return R"({"type": "rectanglelabels", "original_width": 200, "original_height": 100, "image_rotation": 0, "value": {)" +
         numbers + R"(, "rectanglelabels": [)" + label + "]}}";
}
constexpr const char* half = R"("x": 25, "y": 50, "width": 50, "height": 12.5, "rotation": 0)";

std::string task(const std::string& image, const std::string& annotations) {
  return R"({"id": 31, "data": {"image": ")" + image + R"("}, "drafts": [{"result": [)" + box(half) +
         R"(]}], "annotations": [)" + annotations + "]}";
}
std::string annotation(const std::string& results, const std::string& more = "") {
  return R"({"result": [)" + results + "]" + more + "}";
}

class LabelStudio : public ::testing::Test {
 protected:
  LabelStudio() { make_directories(folder_ / "images/cats"); }
  ImportReport import(const std::string& tasks) {
    write_file(json_, "[" + tasks + "]");
    Store store(db_, StoreUse::create);
    return import_annotations(store, {.format = "label-studio", .path = json_, .images = folder_ / "images"});
  }
  std::string fault(const std::string& tasks) {
    const std::string said = error_of([&] { import(tasks); }), start = "[label-studio] " + json_ + ": ";
    return said.starts_with(start) ? said.substr(start.size()) : said;
  }
  std::vector<std::string> rows() const { return rows_of(Store(db_, StoreUse::read)); }
  std::string path_of(const std::string& image) {  // as it is stored
    std::filesystem::remove(db_);
    import(task(image, ""));
    std::string found;
    Store(db_, StoreUse::read).for_each_image([&](const ImageWithBoxes& one) { found = one.image.path; });
    return found;
  }

  Folder folder_{Folder::in_memory()};
  std::string db_ = folder_ / "my.db", json_ = folder_ / "tasks.json";
};

TEST_F(LabelStudio, TakesTheLatestAnnotationThatWasNotCancelled) {
  const std::string old = annotation(box(half, "\"dog\""), R"(, "updated_at": "2024-01-01T00:00:00Z")"),
                    latest =
                        annotation(box(half) + ", " +
                                       R"({"type": "choices", "value": {"choices": ["indoor", "night"]}})",
                                   R"(, "was_cancelled": false, "updated_at": "2024-03-01T00:00:00Z")"),
                    cancelled =
                        annotation(box(half, "\"cow\""),
                                   R"(, "was_cancelled": true, "updated_at": "2024-04-01T00:00:00Z")"),
                    second = annotation(box(half, "\"hen\""), R"(, "updated_at": "2024-02-01T00:00:00Z")");
  const ImportReport report = import(task("a.jpg", old + "," + latest + "," + cancelled + "," + second) +
                                     "," + R"({"id": 32, "data": {"photo": "b.png"}, "annotations": []})");
  EXPECT_EQ(report.images, 2);
  EXPECT_EQ(report.empty_images, 1);
  EXPECT_EQ(rows(), (std::vector<std::string>{
                        "category cat of  id -", "category indoor of  id -", "category night of  id -",
                        folder_ / "images a.jpg 200x100 id 31 none ",
                        "  cat [50,50,100,12.5] id - area [1250]  ", "  indoor whole id - area [0]  ",
                        "  night whole id - area [0]  ", folder_ / "images b.png 0x0 id 32 none "}));
}

TEST_F(LabelStudio, FindsImagesByTheEndOfTheirAddress) {
  write_file(folder_ / "images/cats/a b.jpg", "x");
  write_file(folder_ / "images/c.jpg", "x");
  for (const char* place :
       {"cats/a b.jpg", "/data/local-files/?d=cats/a%20b.jpg", "https://host:80/x/cats/a%20b.jpg",
        "s3://bucket/cats/a b.jpg", "/home/me/cats/a b.jpg", "../../cats/a b.jpg"})
    EXPECT_EQ(path_of(place), "cats/a b.jpg") << place;
  EXPECT_EQ(path_of(R"(C:\\x\\cats\\a b.jpg)"), "cats/a b.jpg");
  EXPECT_EQ(path_of(R"(dogs\\d.jpg)"), "d.jpg");
  EXPECT_EQ(path_of("/data/upload/3/0a1b2c3d-c.jpg"), "c.jpg");
  EXPECT_EQ(path_of("/data/upload/3/0a1b2c3d-none.jpg"), "0a1b2c3d-none.jpg");
  EXPECT_EQ(path_of("../../../etc/passwd"), "passwd");
  EXPECT_EQ(path_of("..%2f..%2fetc%2fpasswd"), "passwd");
}

TEST_F(LabelStudio, NoAddressTakesLong) {
  std::string address;
  for (int i = 0; i < 500'000; ++i) address += "a/";
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(path_of(address + "b.jpg"), "b.jpg");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

TEST_F(LabelStudio, RefusesWhatItCannotStore) {
  const auto of = [&](const std::string& numbers) { return fault(task("a.jpg", annotation(box(numbers)))); };
  EXPECT_EQ(of(R"("x": 1, "y": 1, "width": 5, "height": 5, "rotation": 12.5)"),
            "[0]: a box or its image is rotated by 12.5 degrees, and only upright boxes are stored");
  EXPECT_EQ(of(R"("x": 1, "y": 1, "width": 5)"), "[0]: a result has no number height");
  EXPECT_EQ(of(R"("x": 1, "y": 1, "width": -5, "height": 1)"), "[0]: a box is -10 x 1 pixels");
  EXPECT_EQ(of(R"("x": 1e300, "y": 1, "width": 5, "height": 1)"), "[0]: a box has 2e+300 pixels");
  EXPECT_EQ(fault(R"({"id": 1})"), "[0]: has no data.image");
  EXPECT_EQ(fault(task("..", "")), "[0]: data.image is \"..\", which names no file");
  EXPECT_EQ(
      fault(task(
          "a.jpg",
          annotation(
              R"({"type": "rectanglelabels", "value": {"x": 1, "y": 1, "width": 1, "height": 1, "rectanglelabels": ["cat"]}})"))),
      "[0]: a result has no number original_width");
  const ImportReport report = import(task("a.jpg", annotation(R"({"type": "polygonlabels", "value": {}})")));
  EXPECT_EQ(report.left_out, 1);
  EXPECT_EQ(report.left_out_what, "results that are neither rectanglelabels nor choices");
}

TEST_F(LabelStudio, ExportsTasksWithPredictions) {
  import(
      task("a b.jpg", annotation(box(half) + R"(, {"type": "choices", "value": {"choices": ["night"]}})")));
  Store store(db_, StoreUse::write);
  store.put_predictions(
      {{.image = 1, .model = "net", .boxes = {{.category = 2, .box = {}, .score = 0.25F}}}});
  const auto write = [&](const std::string& model) {
    const std::string path = folder_ / "out" + model + ".json";
    export_annotations(store, {.format = "label-studio", .path = path, .model = model});
    const Bytes bytes = read_file(path);
    return std::string(text_of(bytes));
  };
  EXPECT_EQ(write(""), R"([
{"data":{"image":"/data/local-files/?d=a%20b.jpg"},"predictions":[{"model_version":"labels","result":[{"id":"0","type":"rectanglelabels","from_name":"label","to_name":"image","original_width":200,"original_height":100,"image_rotation":0,"value":{"x":25,"y":50,"width":50,"height":12.5,"rotation":0,"rectanglelabels":["cat"]}},{"id":"1","type":"choices","from_name":"choice","to_name":"image","original_width":200,"original_height":100,"image_rotation":0,"value":{"choices":["night"]}}]}]}
]
)");
  EXPECT_EQ(write("net"), R"([
{"data":{"image":"/data/local-files/?d=a%20b.jpg"},"predictions":[{"model_version":"net","result":[{"id":"0","type":"choices","from_name":"choice","to_name":"image","original_width":200,"original_height":100,"image_rotation":0,"score":0.25,"value":{"choices":["night"]}}]}]}
]
)");
  EXPECT_EQ(error_of([&] { write("nut"); }),
            "[label-studio] " + db_ + ": has no predictions of a model called nut in these images");
}

}  // namespace
}  // namespace dlfs::testing
