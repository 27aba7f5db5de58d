#include "dlfs/testing/fuzz.h"

#include <gtest/gtest.h>

#include "dlfs/testing/files.h"

namespace dlfs::testing {
namespace {

TEST(Fuzz, CorpusIsReplayed) {
  for (const FuzzTarget& target : fuzz_targets()) {
    const std::vector<std::string> paths = files_in(tree_path(std::string("corpus/") + target.name));
    EXPECT_GT(paths.size(), 0U) << target.name;
    for (const std::string& path : paths) EXPECT_NO_THROW(fuzz_once(target, read_file(path))) << path;
  }
}

}  // namespace
}  // namespace dlfs::testing
