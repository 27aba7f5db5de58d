#include "dlfs/base/text.h"

#include <gtest/gtest.h>

namespace dlfs::testing {
namespace {

TEST(Text, SeparatesThousands) {
  EXPECT_EQ(with_separators(0), "0");
  EXPECT_EQ(with_separators(999), "999");
  EXPECT_EQ(with_separators(9123), "9,123");
  EXPECT_EQ(with_separators(-1234567), "-1,234,567");
}

TEST(Text, CountsBytesForPeople) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(1023), "1023 B");
  EXPECT_EQ(human_bytes(1536), "1.5 KiB");
  EXPECT_EQ(human_bytes(size_t{5} << 40), "5.0 TiB");
}

TEST(Text, FindsTheNearestWordOrNone) {
  EXPECT_EQ(nearest("--eposh", {"--epochs", "--batch"}), "--epochs");
  EXPECT_EQ(nearest("lenett", {"lenet"}), "lenet");
  EXPECT_EQ(nearest("giraffe", {"lenet"}), "");
}

TEST(Text, AlignsColumns) {
  EXPECT_EQ(columns({{"step", "path"}, {"0", "conv1"}, {"10", "a longer path"}}),
            "step  path\n   0  conv1\n  10  a longer path\n");
  EXPECT_EQ(columns({{"a", "b", "c"}, {"x", "", ""}}), "a  b  c\nx\n");
  EXPECT_EQ(columns({{"of", "us"}, {"ä", "1.5"}, {"b", "-12.0"}}), "of     us\nä     1.5\nb   -12.0\n");
}

TEST(Text, CutsWhatIsTooWide) {
  EXPECT_EQ(cut("engine 11", 9), "engine 11");
  EXPECT_EQ(cut("engine 11", 8), "engine …");
  EXPECT_EQ(cut("größer", 4), "grö…");
  EXPECT_EQ(cut("größer", 3), "gr…");
  EXPECT_EQ(columns({{"a", "b"}, {"x", "a long text"}}, 8), "a  b\nx  a lo…\n");
}

}  // namespace
}  // namespace dlfs::testing
