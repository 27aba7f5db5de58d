#include "dlfs/main/terminal.h"

#include <gtest/gtest.h>

namespace dlfs {
namespace {

TEST(Terminal, ShowsWhatCouldCommandIt) {
  EXPECT_EQ(printable("Kleid, größer …"), "Kleid, größer …");
  EXPECT_EQ(printable("a\x1B[2Jb\n\x7F"), "a\\x1B[2Jb\\x0A\\x7F");
  EXPECT_EQ(printable("\xC2\x9B"
                      "2J \xFF \xC3"),
            "\\xC2\\x9B2J \\xFF \\xC3");
  for (const char* wrong : {"\xC0\xAF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82"})
    EXPECT_EQ(printable(wrong).substr(0, 2), "\\x") << printable(wrong);
}

TEST(Terminal, BreaksLinesBetweenWords) {
  EXPECT_EQ(wrapped("one two three", 80), "one two three");
  EXPECT_EQ(wrapped("one two three", 7), "one two\nthree");
  EXPECT_EQ(wrapped("a-word-that-is-long b", 7), "a-word-that-is-long\nb");
  EXPECT_EQ(wrapped("", 7), "");
  EXPECT_EQ(wrapped("größe x", 7), "größe x");
}

}  // namespace
}  // namespace dlfs
