// Real data for tests, which no checkout holds: folders below the one that the environment variable DLFS_DATA
// names. A test begins with DLFS_NEEDS_DATA(folder, "mnist"), and is skipped with a sentence where the
// variable is unset; where it is set and the folder is missing, the test fails. Any thread.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

namespace dlfs::testing {

inline std::optional<std::string> data_folder(const std::string& name) {
  const char* root = std::getenv("DLFS_DATA");
  return root != nullptr ? std::optional(std::string(root) + "/" + name) : std::nullopt;
}

}  // namespace dlfs::testing

#define DLFS_NEEDS_DATA(folder, name)                                                                \
  if (!::dlfs::testing::data_folder(name)) {                                                         \
    GTEST_SKIP() << "needs the real data of " << (name) << ": set DLFS_DATA to the folder it is in"; \
  }                                                                                                  \
  const std::string folder = *::dlfs::testing::data_folder(name);                                    \
  ASSERT_TRUE(std::filesystem::is_directory(folder)) << folder << " is missing, though DLFS_DATA is set"
