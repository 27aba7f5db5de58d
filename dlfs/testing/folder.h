// A folder of a test's own, gone with its owner. Any thread.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace dlfs::testing {

class Folder {
 public:
  Folder() : path_((std::filesystem::temp_directory_path() / "dlfs-XXXXXX").string()) {
    if (::mkdtemp(path_.data()) == nullptr) std::abort();
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace dlfs::testing
