#include "dlfs/data/augment/render.h"

#include <gtest/gtest.h>

#include <sstream>

#include "dlfs/base/file.h"
#include "dlfs/testing/augment.h"
#include "dlfs/testing/golden.h"

namespace dlfs::testing {
namespace {

struct ResizeCase {
  int channels = 0;
  Size from, to;
  Extent box;
  uint64_t hash = 0;
};

std::vector<ResizeCase> golden_cases() {
  std::istringstream lines{std::string(text_of(read_file(golden_path("resize.txt"))))};
  std::vector<ResizeCase> cases;
  for (std::string line; std::getline(lines, line);) {
    if (line[0] == '#') continue;
    std::istringstream words(line);
    ResizeCase c;
    words >> c.channels >> c.from.width >> c.from.height >> c.to.width >> c.to.height >> c.box.left >>
        c.box.top >> c.box.right >> c.box.bottom >> std::hex >> c.hash;
    EXPECT_TRUE(words) << line;
    cases.push_back(c);
  }
  return cases;
}

TEST(Render, ResizesAsPillowDoes) {
  const std::vector<ResizeCase> cases = golden_cases();
  EXPECT_GE(cases.size(), 60U);
  for (size_t i = 0; i < cases.size(); ++i) {
    const ResizeCase& c = cases[i];
    const Image image = noise(c.from, c.channels, concat("resize ", i));
    Part part{.where = {0, 0, c.to.width, c.to.height}};
    part.to_source = {.a = (c.box.right - c.box.left) / c.to.width,
                      .c = c.box.left,
                      .e = (c.box.bottom - c.box.top) / c.to.height,
                      .f = c.box.top};
    EXPECT_EQ(hash_of(shown(part, decoded(image), c.to, c.channels)), c.hash) << "case " << i;
    if (c.box.left == 0 && c.box.top == 0 && c.box.right == c.from.width && c.box.bottom == c.from.height) {
      EXPECT_EQ(hash_of(resized(image, c.to).pixels), c.hash) << "case " << i;
    }
  }
}

}  // namespace
}  // namespace dlfs::testing
