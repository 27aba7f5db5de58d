#include <gtest/gtest.h>

#include "dlfs/base/file.h"
#include "dlfs/data/formats/formats.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/folder.h"
#include "dlfs/testing/store_rows.h"

namespace dlfs::testing {
namespace {

std::string object(const std::string& name, const std::string& box, const std::string& more = "") {
  return concat("<object><name>", name, "</name>", more, "<bndbox>", box, "</bndbox></object>");
}

class Voc : public ::testing::Test {
 protected:
  Voc() {
    for (const char* name : {"Annotations", "JPEGImages", "ImageSets/Main"}) make_directories(folder_ / name);
  }
  void write(const std::string& stem, const std::string& content) const {
    write_file(folder_ / "Annotations/" + stem + ".xml", "<annotation>" + content + "</annotation>");
  }
  ImportReport import() const {
    Store store(db_, StoreUse::create);
    return import_annotations(store, {.format = "voc", .path = folder_.path()});
  }
  std::string fault(const std::string& content) const {
    write("a", content);
    const std::string said = error_of([&] { import(); }),
                      start = "[voc] " + (folder_ / "Annotations/a.xml: ");
    return said.starts_with(start) ? said.substr(start.size()) : said;
  }
  std::vector<std::string> rows() const { return rows_of(Store(db_, StoreUse::read)); }

  Folder folder_;
  std::string db_ = folder_ / "my.db";
};

TEST_F(Voc, BoxesBeginAtOneAndBothEndsBelongToThem) {
  write("a", "<filename>a.png</filename><size><width>640</width><height>480</height><depth>3</depth></size>" +
                 object("cat", "<xmin>1</xmin><ymin>1</ymin><xmax>640</xmax><ymax>480</ymax>",
                        "<pose>Left</pose><difficult>1</difficult><truncated>0</truncated><part><name>head</"
                        "name></part>") +
                 object("R&amp;D", "<xmin>2.5</xmin><ymin>3</ymin><xmax>10.25</xmax><ymax>3</ymax>") +
                 object("cat", "<xmin>5</xmin><ymin>5</ymin><xmax>4</xmax><ymax>4</ymax>"));
  write("b", "<filename/>");
  write_file(folder_ / "ImageSets/Main/train.txt", "a  1\r\n");
  write_file(folder_ / "ImageSets/Main/val.txt", "b\n");
  write_file(folder_ / "JPEGImages/a.png", "x");
  const ImportReport report = import();
  EXPECT_EQ(report.images, 2);
  EXPECT_EQ(report.empty_images, 1);
  EXPECT_EQ(report.missing_files, 1);
  EXPECT_EQ(
      rows(),
      (std::vector<std::string>{
          "category cat of  id -", "category R&D of  id -", folder_ / "JPEGImages a.png 640x480 id - train ",
          "  cat [0,0,640,480] id - area [307200]  {\"pose\":\"Left\",\"truncated\":0,\"difficult\":1}",
          "  R&D [1.5,2,8.75,1] id - area [8.75]  ", "  cat [4,4,0,0] id - area [0]  ",
          folder_ / "JPEGImages b.jpg 0x0 id - val "}));
  const ImportReport again = import();
  EXPECT_EQ(again.annotations + again.images + again.differing, 0);
  EXPECT_EQ(again.known_annotations, 3);
}

TEST_F(Voc, RefusesWhatItCannotBelieve) {
  const std::string box = "<xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax>";
  EXPECT_EQ(fault(object("cat", "<xmin>9</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax>")),
            "object 1 (cat) ends before it begins: it is -5 x 3 pixels");
  EXPECT_EQ(fault(object("cat", box) + object("dog", "<xmin>nan</xmin>")),
            "xmin is \"nan\", but must be a number");
  EXPECT_EQ(fault(object("cat", "<xmin>1</xmin><ymin>2</ymin><xmax>3</xmax>")),
            "ymax is \"\", but must be a number");
  EXPECT_EQ(fault(object("cat", "<xmin>1</xmin><ymin>2</ymin><xmax>1e300</xmax><ymax>4</ymax>")),
            "object 1 (cat) has a box that no float holds");
  EXPECT_EQ(fault(object("", box)), "object 1 has no name");
  EXPECT_EQ(fault("<object><name>cat</name></object>"), "object 1 (cat) has no bndbox");
  EXPECT_EQ(fault("<filename>../../etc/passwd</filename>"),
            "filename is \"../../etc/passwd\", but must be a path within the image folder, without \"..\"");
  EXPECT_EQ(fault("<size><width>-1</width><height>2</height></size>"), "size is -1 x 2");
  EXPECT_EQ(
      fault("<!ENTITY x 'y'>"),
      "[voc] " + (folder_ / "Annotations/a.xml:1: holds a declaration within an element, and none is read"));
  write("a", "");
  write_file(folder_ / "ImageSets/Main/train.txt", "a\n");
  write_file(folder_ / "ImageSets/Main/test.txt", "a\n");
  EXPECT_EQ(error_of([&] { import(); }),
            "[voc] " + (folder_ / "ImageSets/Main/test.txt: a is for test, but was for train already"));
}

TEST_F(Voc, ExportWritesWhatImportReads) {
  write("a", "<filename>a.png</filename><size><width>640</width><height>480</height></size>" +
                 object("R&amp;D", "<xmin>2.5</xmin><ymin>3</ymin><xmax>10.1</xmax><ymax>3</ymax>",
                        "<occluded>1</occluded>"));
  write_file(folder_ / "ImageSets/Main/val.txt", "a\n");
  import();
  const ExportCounts counts =
      export_annotations(Store(db_, StoreUse::read), {.format = "voc", .path = folder_ / "out/"});
  EXPECT_EQ(counts.annotations, 1);
  EXPECT_EQ(counts.root, folder_ / "JPEGImages");
  const Bytes xml = read_file(folder_ / "out/Annotations/a.xml"),
              list = read_file(folder_ / "out/ImageSets/Main/val.txt");
  EXPECT_EQ(text_of(list), "a\n");
  EXPECT_EQ(text_of(xml),
            "<annotation>\n\t<filename>a.png</filename>\n\t<size><width>640</width><height>480</"
            "height><depth>3</depth></size>\n"
            "\t<object>\n\t\t<name>R&#38;D</name>\n\t\t<occluded>1</occluded>\n"
            "\t\t<bndbox><xmin>2.5</xmin><ymin>3</ymin><xmax>10.100000381469727</xmax><ymax>3</ymax></"
            "bndbox>\n\t</object>\n</annotation>\n");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out.tmp"));
}

// A file that begins with a point is hidden, and a list's line may end in a mark: then the XML file is called otherwise.
TEST_F(Voc, NamesThatAFolderOrAListWouldLoseComeBack) {
  std::string list;
  for (const char* name : {".jpg", "x/.b.jpg", "c 1.jpg", "d -1.png", "e .jpg", "f 0 .jpg", "c_1.png"}) {
    list += concat("n", list.size(), "\n");
    write(list.substr(list.rfind('n'), list.size() - list.rfind('n') - 1),
          concat("<filename>", name, "</filename>"));
  }
  write_file(folder_ / "ImageSets/Main/train.txt", list);
  import();
  const ExportCounts counts =
      export_annotations(Store(db_, StoreUse::read), {.format = "voc", .path = folder_ / "out"});
  EXPECT_EQ(counts.images, 7);
  Store back(folder_ / "back.db", StoreUse::create);
  import_annotations(back, {.format = "voc", .path = folder_ / "out", .images = counts.root});
  EXPECT_EQ(rows_of(back), rows());
}

}  // namespace
}  // namespace dlfs::testing
