// Small files that stand in the tree for tests: images/ (drawn by tools/draw_test_images.py) and corpus/ (what fuzzing kept).
// Any thread.
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "dlfs/base/file.h"

namespace dlfs::testing {

// Of a file or folder below dlfs/testing: in the checkout that the program stands in, or else in the one it was built from.
inline std::string tree_path(const std::string& below) {
  const std::string here = "dlfs/testing/" + below;
  return std::filesystem::exists(here) ? here : std::string(DLFS_SOURCE_DIR) + "/" + here;
}

// All files below a folder, in the order of their names.
inline std::vector<std::string> files_in(const std::string& folder) {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) paths.push_back(entry.path().string());
  std::sort(paths.begin(), paths.end());
  return paths;
}

inline Bytes drawn_image(const std::string& name) { return read_file(tree_path("images/" + name)); }

}  // namespace dlfs::testing
