// dlfs data as its user sees it.
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "dlfs/base/json.h"
#include "dlfs/base/text.h"
#include "dlfs/data/codec/png.h"
#include "dlfs/testing/data.h"
#include "dlfs/testing/spawn.h"

namespace dlfs::testing {
namespace {

// A store of class folders: so many images of each of two classes in train, one in val.
class Data : public ::testing::Test {
 protected:
  Data() {
    for (int i = 0; i < 12; ++i) {
      Picture picture({40, 30}, {90, 90, 90});
      picture.fill({(5 * i) % 30, i, 6 + i, 9},
                   {.color = {static_cast<uint8_t>(250 - 20 * i), 0, static_cast<uint8_t>(20 * i)}});
      const std::string folder = images_ + (i < 11 ? "/train/" : "/val/") + (i % 2 == 0 ? "cat" : "dog");
      make_directories(folder);
      write_png(concat(folder, "/", i, ".png"), picture);
    }
    EXPECT_EQ(run_program({"import", "folders", images_, "--db", store_}).code, 0);
  }

  Folder folder_;
  std::string images_ = folder_ / "images", store_ = folder_ / "my.db";
};

TEST_F(Data, AnAuditEndsWith0WhereNothingIsWrongAndWith1ElseAndFitsIn80Columns) {
  const Ended good = run_program({"data", "audit", store_});
  EXPECT_EQ(good.code, 0) << good.err;
  EXPECT_EQ(good.err, "");
  EXPECT_EQ(good.out.rfind(store_ + " can be trained on: no errors,", 0), 0U) << good.out;
  std::filesystem::remove(images_ + "/train/cat/4.png");
  std::filesystem::copy(images_ + "/train/cat/2.png", images_ + "/val/dog/11.png",
                        std::filesystem::copy_options::overwrite_existing);
  const Ended bad = run_program({"data", "audit", store_});
  EXPECT_EQ(bad.code, 1);
  EXPECT_EQ(bad.err, "dlfs: the audit found 2 errors\n");
  EXPECT_EQ(bad.out.rfind(store_ + " is not fit to train on: 2 errors,", 0), 0U) << bad.out;
  std::istringstream lines(bad.out);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(width(line), 80) << line;
}

TEST_F(Data, AnAuditSaysWhatNoImageIsFor) {
  const auto says = [&](const std::string& split) {
    const std::string store = folder_ / (split + ".db");
    EXPECT_EQ(run_program({"import", "folders", images_ + "/train", "--split", split, "--db", store}).code,
              0);
    return run_program({"data", "audit", store}).out.substr(store.size());
  };
  EXPECT_EQ(says("train").rfind(" has no images to test on: no errors,", 0), 0U);
  EXPECT_EQ(says("val").rfind(" has no images to train on: no errors,", 0), 0U);
}

TEST_F(Data, AnAuditIsOneObjectForPrograms) {
  std::filesystem::remove(images_ + "/train/cat/4.png");
  const Ended ended = run_program({"data", "audit", store_, "--json"});
  EXPECT_EQ(ended.code, 1);
  EXPECT_EQ(std::count(ended.out.begin(), ended.out.end(), '\n'), 1);
  const Json report = Json::parse(ended.out, "audit");
  EXPECT_EQ(report.find("errors")->integer(), 1);
  EXPECT_EQ(report.find("images")->find("train")->integer(), 11);
  EXPECT_EQ(report.find("files")->find("png")->integer(), 11);
  const Json& missing = report.find("findings")->items().at(0);
  EXPECT_EQ(*missing.find("kind")->string(), "missing");
  EXPECT_EQ(*missing.find("level")->string(), "error");
  EXPECT_EQ(missing.find("listed")->items().size(), 1U);
  EXPECT_NE(missing.find("listed")->items()[0].find("image")->integer(), std::nullopt);
}

TEST_F(Data, BrowseMakesAPageAndSaysWhere) {
  const std::string page = folder_ / "page";
  const Ended ended =
      run_program({"data", "browse", store_, "--out", page, "--class", "cat", "--split", "train", "--count",
                   "2", "--seed", "3", "--augment", "flip,colour,erase=1,crop=2", "--size", "32x24"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.out, "2 of 6 images are in " + page + "/index.html\n");
  EXPECT_EQ(names_in(page), (std::vector<std::string>{"img", "img/1-seen.png", "img/1-stored.png",
                                                      "img/2-seen.png", "img/2-stored.png", "index.html"}));
}

TEST_F(Data, RefusesFlagsOfTheOtherKind) {
  expect_refused({"data", "audit", store_, "--count", "3"},
                 "--count belongs to data browse, but WHAT is audit");
  expect_refused({"data", "browse", store_, "--out", "x", "--all"},
                 "--all belongs to data audit, but WHAT is browse");
  expect_refused({"data", "browse", store_}, "data browse needs --out DIR, a new folder for the page");
  expect_refused({"data", "look", store_}, "WHAT is look, but can be audit or browse");
  expect_refused({"data", "audit", folder_ / "none.db"},
                 "[file] " + (folder_ / "none.db") + ": cannot read: No such file or directory");
}

// The first findings of a kind, as "name: what".
std::vector<std::string> found(const Json& report, const std::string& kind) {
  std::vector<std::string> lines;
  for (const Json& group : report.find("findings")->items())
    if (*group.find("kind")->string() == kind)
      for (const Json& one : group.find("listed")->items()) {
        const Json* what = one.find("what");
        lines.push_back(*one.find("name")->string() + (what == nullptr ? "" : ": " + *what->string()));
      }
  return lines;
}

Json audit_of(const std::string& format, const std::string& path) {
  const Folder folder;
  const Ended imported = run_program({"import", format, path, "--db", folder / "my.db"});
  EXPECT_EQ(imported.code, 0) << imported.err;
  const Ended ended = run_program({"data", "audit", folder / "my.db", "--json", "--all"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  return Json::parse(ended.out, "audit");
}

TEST(DataAudit, NamesTheBoxesOfNothingInBccd) {
  DLFS_NEEDS_DATA(folder, "bccd");
  const Json report = audit_of("voc", folder + "/BCCD");
  EXPECT_EQ(found(report, "degenerate"),
            (std::vector<std::string>{"BloodImage_00338.jpg: RBC 1 x 1 at 503, 336",
                                      "BloodImage_00343.jpg: RBC 1 x 1 at 180, 328"}));
  EXPECT_EQ(
      found(report, "leaked_alike"),
      std::vector<std::string>{"BloodImage_00037.jpg: in val, looks like BloodImage_00038.jpg in train"});
  EXPECT_EQ(report.find("images")->find("train")->integer(), 205);
  EXPECT_EQ(report.find("boxes")->find("val")->integer(), 1138);
}

TEST(DataAudit, CountsCrowdsAndClassesOfCoco128) {
  DLFS_NEEDS_DATA(folder, "coco128");
  const Json report = audit_of("coco", folder);
  EXPECT_EQ(report.find("box_sizes")->find("crowds")->integer(), 10);
  EXPECT_EQ(report.find("boxes")->find("train")->integer(), 939);
  EXPECT_EQ(found(report, "unused").size(), 9U);
  EXPECT_EQ(found(report, "gray"), std::vector<std::string>{"000000000086.jpg"});
  EXPECT_EQ(found(report, "unlabelled").size(), 2U);
  EXPECT_EQ(report.find("warnings")->integer(), 0);
}

}  // namespace
}  // namespace dlfs::testing
