#include "dlfs/main/command_line.h"

#include <gtest/gtest.h>

#include "dlfs/base/file.h"

namespace dlfs {
namespace {

TEST(CommandLine, ItsPageSaysWhatTheProgramSays) {
  const std::string path = DLFS_SOURCE_DIR "/docs/cli.md";
  EXPECT_EQ(text_of(read_file(path)), command_line_page()) << "./dev cli writes it anew";
}

}  // namespace
}  // namespace dlfs
