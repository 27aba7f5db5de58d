// Files as Windows writes them: a byte order mark before the text.
#include <gtest/gtest.h>

#include "dlfs/base/file.h"
#include "dlfs/data/formats/coco_file.h"
#include "dlfs/data/formats/paths.h"
#include "dlfs/data/formats/yolo.h"
#include "dlfs/testing/folder.h"

namespace dlfs::testing {
namespace {

TEST(ByteOrderMark, IsNoPartOfALabel) {
  const std::string mark = "\xEF\xBB\xBF";
  EXPECT_EQ(parse_yolo(mark + "0 0.5 0.5 1 1", "a.txt", {.classes = 1, .size = {2, 2}}).size(), 1U);
  EXPECT_EQ(
      read_coco(mark + R"({"images": [], "annotations": [], "categories": [{"id": 1, "name": "cat"}]})", "a")
          .categories.size(),
      1U);
  const Folder folder;
  write_file(folder / "names", mark + "cat\r\ndog");
  EXPECT_EQ(lines_of(folder / "names"), (std::vector<std::string>{"cat", "dog"}));
  EXPECT_EQ(without_mark("\xEF\xBB"), "\xEF\xBB");
}

}  // namespace
}  // namespace dlfs::testing
