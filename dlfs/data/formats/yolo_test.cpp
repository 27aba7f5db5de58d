#include <gtest/gtest.h>

#include "dlfs/base/file.h"
#include "dlfs/data/codec/png.h"
#include "dlfs/data/formats/formats.h"
#include "dlfs/data/formats/yolo.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/folder.h"
#include "dlfs/testing/store_rows.h"

namespace dlfs::testing {
namespace {

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> all;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) all.push_back(line);
  return all;
}

TEST(YoloNames, OfEveryWayToWriteThem) {
  const std::vector<std::string> names = {"a cat", "it's", "R: D # no"};
  for (const char* text : {"path: x\nnames: [a cat, 'it''s', \"R: D # no\"]  # three\nnc: 3\n",
                           "names:\n  - a cat\n  - it's\n# between\n  - 'R: D # no' # end\nnc: 3\n",
                           "names:\n- a cat\n- \"it's\"\n- \"R: D # no\"\nval: x",
                           "nc: 3\nnames:\n  0: a cat\n\n  1: it's\n  2: 'R: D # no'\ntrain: y\n",
                           "names:\n  2: 'R: D # no'\n  1: it's\n  0: a cat\n",
                           "names: {0: a cat, 1: it's,\n   2: \"R: D # no\"}\n",
                           "names: [a cat,\n  'it''s', # odd\n  \"R: D # no\"\n]\n"})
    EXPECT_EQ(parse_yaml_names(lines(text), "data.yaml"), names) << text;
  EXPECT_TRUE(parse_yaml_names(lines("nc: 3\n"), "data.yaml").empty());
  EXPECT_EQ(parse_yaml_names(lines(R"(names: ["a\\", b, "\"c", 'd'', e', f])"), "data.yaml"),
            (std::vector<std::string>{"a\\", "b", "\"c", "d', e", "f"}));
}

TEST(YoloNames, RefusesWhatIsNoListOfThem) {
  const auto fault = [](const std::string& text) {
    return error_of([&] { parse_yaml_names(lines(text), "d.yaml"); });
  };
  EXPECT_EQ(fault("names: coco.names"),
            "[yolo] d.yaml: names is \"coco.names\", but must be a list or a map");
  EXPECT_EQ(fault("names: [a, b"), "[yolo] d.yaml: names has no closing ]");
  EXPECT_EQ(fault("names:\n  0: a\n  2: b"), "[yolo] d.yaml: names has no class 1, but a class 2");
  EXPECT_EQ(fault("names:\n  0: a\n  0: b"), "[yolo] d.yaml: names has class 0 twice");
  EXPECT_EQ(fault("names:\n  cat: 0"),
            "[yolo] d.yaml: names has \"cat: 0\", where a number, a colon and a name are expected");
  EXPECT_EQ(fault("names: [a, '']"), "[yolo] d.yaml: names has an empty name for class 1");
  const Folder folder;
  EXPECT_EQ(error_of([&] { read_yolo_names(folder.path()); }),
            "[yolo] " + folder.path() +
                ": does not say what the classes are called: put a data.yaml with names:, an obj.names or a "
                "classes.txt there");
  write_file(folder / "obj.names", "a\r\n\r\n b \n");
  EXPECT_EQ(read_yolo_names(folder.path()), (std::vector<std::string>{"a", "b"}));
}

TEST(YoloNames, NoFileTakesLong) {
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::string> many{"names: ["}, odd{"names: [a, b]  #" + std::string(1 << 20, '#')};
  for (int i = 0; i < 90'000; ++i) many.push_back(concat("  name_of_class_", i, ","));
  EXPECT_THROW(parse_yaml_names(many, "d.yaml"), FileError) << "no closing ]";
  many.emplace_back("]");
  EXPECT_EQ(parse_yaml_names(many, "d.yaml").size(), 90'000U);
  EXPECT_EQ(parse_yaml_names(odd, "d.yaml").size(), 2U);
  odd[0] = "names: [a, b" + std::string(1 << 20, '#') + "]";
  EXPECT_EQ(parse_yaml_names(odd, "d.yaml").size(), 2U);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

class Yolo : public ::testing::Test {
 public:
  Yolo() { write_file(folder / "data.yaml", "names: [cat, dog]\n"); }
  void image(const std::string& name, Size size) const {
    make_directories((folder / name).substr(0, (folder / name).rfind('/')));
    const std::vector<uint8_t> pixels(static_cast<size_t>(size.width * size.height), 0);
    write_file(folder / name, encode_png(ImageView{.size = size, .pixels = pixels}));
  }
  void label(const std::string& name, const std::string& text) const {
    make_directories((folder / name).substr(0, (folder / name).rfind('/')));
    write_file(folder / name, text);
  }
  ImportReport import(const std::string& images = "") const {
    Store store(db, StoreUse::create);
    return import_annotations(store, {.format = "yolo", .path = folder.path(), .images = images});
  }
  std::string fault(const std::string& text) const {
    label("labels/train/a.txt", text);
    const std::string said = error_of([&] { import(); }),
                      start = "[yolo] " + (folder / "labels/train/a.txt:");
    return said.starts_with(start) ? said.substr(start.size()) : said;
  }
  std::vector<std::string> rows() const { return rows_of(Store(db, StoreUse::read)); }

  Folder folder;
  std::string db = folder / "my.db";
};

TEST_F(Yolo, BoxesArePartsOfTheImage) {
  image("images/train/a.png", {200, 100});
  image("images/train/deep/b.png", {10, 10});
  image("images/val/c.png", {20, 10});
  label("labels/train/a.txt", "1 0.5 0.5 1 1\r\n\n0  0.25\t0.5 0.1 0.2 \n");
  label("labels/train/deep/b.txt", "");
  write_file(folder / "images/train/notes.txt", "left alone");
  const ImportReport report = import();
  EXPECT_EQ(report.images, 3);
  EXPECT_EQ(report.empty_images, 2);
  EXPECT_EQ(rows(),
            (std::vector<std::string>{
                "category cat of  id 0", "category dog of  id 1",
                folder / "images/train a.png 200x100 id - train ", "  dog [0,0,200,100] id - area [20000]  ",
                "  cat [40,40,20,20] id - area [400]  ", folder / "images/train deep/b.png 10x10 id - train ",
                folder / "images/val c.png 20x10 id - val "}));
  const ImportReport again = import();
  EXPECT_EQ(again.images + again.annotations + again.differing, 0);
}

TEST_F(Yolo, OtherLayouts) {
  image("train/images/a.png", {10, 10});
  image("valid/images/b.png", {10, 10});
  label("train/labels/a.txt", "0 0.5 0.5 1 1\n");
  EXPECT_EQ(import().annotations, 1);
  EXPECT_EQ(rows()[4], folder / "valid/images b.png 10x10 id - val ");
  const Yolo* self = this;
  struct Flat : Yolo {
    void TestBody() override {}
  } flat, apart;
  flat.image("a.png", {10, 10});
  flat.label("a.txt", "0 0.5 0.5 1 1\n");
  EXPECT_EQ(flat.import().annotations, 1);
  EXPECT_EQ(flat.rows()[2], flat.folder.path() + " a.png 10x10 id - none ");
  flat.image("valley.png", {10, 10});
  flat.import();
  EXPECT_EQ(flat.rows().back(), flat.folder.path() + " valley.png 10x10 id - none ") << "a file is no split";
  apart.label("labels/test/images/a.txt", "0 0.5 0.5 1 1\n");
  EXPECT_EQ(apart.import(self->folder / "train").annotations, 1);
  EXPECT_EQ(apart.rows()[2], self->folder / "train images/a.png 10x10 id - test ");
}

TEST_F(Yolo, RefusesLinesByFileAndNumber) {
  image("images/train/a.png", {200, 100});
  EXPECT_EQ(fault("0 0.5 0.5 1 1\n2 0.5 0.5 1 1"), "2: has the class 2, but there are 2, from 0");
  EXPECT_EQ(fault("-1 0.5 0.5 1 1"), "1: has the class -1, but must begin with a whole number");
  EXPECT_EQ(fault("0.0 0.5 0.5 1 1"), "1: has the class 0.0, but must begin with a whole number");
  EXPECT_EQ(fault("0 0.5 0.5 1"), "1: has 4 numbers, but a box has 5: class, centre x and y, width, height");
  EXPECT_EQ(fault("0 0.1 0.1 0.2 0.1 0.2 0.2"),
            "1: has 7 numbers, but a box has 5: class, centre x and y, width, height");
  EXPECT_EQ(fault("0 100 50 20 20"), "1: 100 is no part of the image's size: these go from 0 to 1");
  EXPECT_EQ(fault("0 0.5 0.5 -0.1 1"), "1: has a box of -20 x 100 pixels");
  for (const char* word : {"nan", "inf", "1e999", "0,5", "x"})
    EXPECT_EQ(fault(concat("0 0.5 ", word, " 1 1")), concat("1: ", word, " is no number"));
  write_file(folder / "images/train/a.png", "no image");
  EXPECT_EQ(fault("0 0.5 0.5 1 1"), "1: is of an image whose size cannot be read");
  EXPECT_TRUE(rows().empty());
}

TEST_F(Yolo, ExportWritesLabelsNamesAndLists) {
  image("images/train/a.png", {200, 100});
  label("labels/train/a.txt", "1 0.5 0.5 1 1\n0 0.25 0.5 0.1 0.2\n");
  image("images/val/b.png", {20, 10});
  import();
  const Store store(db, StoreUse::read);
  const ExportCounts counts = export_annotations(store, {.format = "yolo", .path = folder / "out"});
  EXPECT_EQ(counts.images, 2);
  const auto text = [&](const std::string& name) {
    const Bytes bytes = read_file(folder / "out/" + name);
    return std::string(text_of(bytes));
  };
  EXPECT_EQ(text("labels/train/a.txt"), "1 0.5 0.5 1 1\n0 0.25 0.5 0.1 0.2\n");
  EXPECT_EQ(text("labels/val/b.txt"), "");
  EXPECT_EQ(text("train.txt"), folder / "images/train/a.png\n");
  EXPECT_EQ(text("data.yaml"),
            concat("# exported by dlfs; the images lie in \"", folder / "images",
                   "\"\npath: .\ntrain: train.txt\nval: val.txt\nnames:\n  0: \"cat\"\n  1: \"dog\"\n"));
}

}  // namespace
}  // namespace dlfs::testing
