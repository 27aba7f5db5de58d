#include <gtest/gtest.h>

#include <algorithm>

#include <cstdio>

#include "dlfs/base/file.h"
#include "dlfs/base/json.h"
#include "dlfs/base/text.h"
#include "dlfs/testing/spawn.h"

namespace dlfs::testing {
namespace {

class ImportVerb : public ::testing::Test {
 protected:
  ImportVerb() {
    make_directories(folder_ / "coco/annotations");
    make_directories(folder_ / "coco/val2017");
    write_file(folder_ / "coco/val2017/a.jpg", "x");
    write_file(
        folder_ / "coco/annotations/instances_val2017.json",
        R"({"images": [{"id": 7, "file_name": "a.jpg", "width": 640, "height": 480}, {"id": 8, "file_name": "b.jpg"}],
                   "annotations": [{"id": 1, "image_id": 7, "category_id": 9, "bbox": [1, 2, 3, 4]}],
                   "categories": [{"id": 9, "name": "cat"}]})");
  }
  Ended import() const { return run_program({"import", "coco", folder_ / "coco", "--db", db_}); }

  Folder folder_;
  std::string db_ = folder_ / "my.db";
};

// "my.db  0.1 s\nimages ..." without its first line
std::string after_first_line(const std::string& text) {
  return text.substr(std::min(text.find('\n') + 1, text.size()));
}

TEST_F(ImportVerb, SaysWhatIsNewWhatIsKnownAndWhatIsNotThere) {
  const std::string missing =
      "1 image file is not there, b.jpg; to name their folder, import into a new store\nwith --images\n";
  const Ended first = import();
  EXPECT_EQ(first.code, 0) << first.err;
  EXPECT_EQ(after_first_line(first.out),
            "images       2 new; 1 without objects\nannotations  1 new\ncategories   1 new\n" + missing);
  EXPECT_EQ(
      after_first_line(import().out),
      "images       0 new, 2 known; 1 without objects\nannotations  0 new, 1 known\ncategories   0 new\n" +
          missing);
}

TEST_F(ImportVerb, ExportSaysWhereNamesBegin) {
  import();
  const std::string out = folder_ / "out.json";
  std::string said = run_program({"export", "coco", out, "--db", db_, "--split", "val"}).out;
  std::replace(said.begin(), said.end(), '\n', ' ');  // where a line is full
  EXPECT_EQ(said,
            concat(out, ": 2 images, 1 annotation; images are named from ", folder_ / "coco/val2017", " "));
  expect_refused({"export", "coco", out, "--db", db_},
                 concat("[export] ", out, ": is there already; name one that is not"));
  expect_refused({"export", "voc", folder_ / "out", "--db", folder_ / "none.db"},
                 concat("[file] ", folder_ / "none.db", ": cannot read: No such file or directory"));
}

TEST_F(ImportVerb, RefusesWordsThatMeanNothing) {
  expect_refused({"import", "coc", "x", "--db", db_},
                 "FORMAT is coc, but can be coco, coco-results, voc, yolo, folders, idx, label-studio");
  expect_refused({"export", "idx", "x", "--db", db_},
                 "FORMAT is idx, but can be coco, coco-results, voc, yolo, label-studio");
  expect_refused({"import", "coco", "x", "--db", db_, "--split", "dev"},
                 "--split is dev, but can be train, val or test");
  expect_refused({"import", "idx", folder_.path(), "--db", db_},
                 "[idx] needs --images, the folder to write its images to as PNG files");
}

// Against Python's json and sqlite3, which write the same rows: bench/peers_cpu/import_coco.py. In memory, where no other
// program's writing disturbs.
TEST(SlowImport, CocoOfTrain2017sSizeIsTwiceAsFastAsPython) {
  const std::string program = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "dlfs";
  const std::string command = concat("python3 ", DLFS_SOURCE_DIR, "/bench/peers_cpu/import_coco.py ", program,
                                     " --repeat 3 --folder ", Folder::in_memory().string());
  FILE* pipe = ::popen(command.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::string said;
  for (int c = 0; (c = std::fgetc(pipe)) != EOF;) said += static_cast<char>(c);
  ASSERT_EQ(::pclose(pipe), 0) << said;
  std::cout << said;
  const Json result = Json::parse(said, "import_coco.py");
  EXPECT_GE(result.find("ratio")->number().value_or(0), 2);
  EXPECT_LT(result.find("dlfs")->find("mebibytes")->number().value_or(1e9), 1024);
}

}  // namespace
}  // namespace dlfs::testing
