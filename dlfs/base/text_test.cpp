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
            "step  path\n0     conv1\n10    a longer path\n");
  EXPECT_EQ(columns({{"a", "b", "c"}, {"1", "", ""}}), "a  b  c\n1\n");
}

}  // namespace
}  // namespace dlfs::testing
