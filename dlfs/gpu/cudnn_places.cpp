#include "dlfs/gpu/cudnn_places.h"

#include <cstdlib>
#include <filesystem>

namespace dlfs {
namespace {

namespace fs = std::filesystem;

constexpr const char* file_name = "libcudnn.so.9";

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

// Where pip puts cuDNN: LIB/python3.x/site-packages/nvidia/cudnn/lib.
void append_python_places(const fs::path& lib, std::vector<std::string>& all) {
  std::error_code ignored;
  for (fs::directory_iterator entry(lib, ignored), end; entry != end; entry.increment(ignored))
    for (const char* packages : {"site-packages", "dist-packages"}) {
      const fs::path file = entry->path() / packages / "nvidia/cudnn/lib" / file_name;
      if (fs::exists(file, ignored)) all.push_back(file);
    }
}

}  // namespace

std::vector<std::string> cudnn_places() {
  if (const fs::path told = variable("DLFS_CUDNN"); !told.empty()) {
    std::error_code ignored;
    return {fs::is_directory(told, ignored) ? told / file_name : told};
  }
  std::vector<std::string> all{file_name, std::string("/usr/local/cuda/lib64/") + file_name,
                               std::string("/usr/lib/x86_64-linux-gnu/") + file_name};
  for (const char* environment : {"VIRTUAL_ENV", "CONDA_PREFIX"})
    if (const std::string root = variable(environment); !root.empty())
      append_python_places(root + "/lib", all);
  if (const std::string home = variable("HOME"); !home.empty())
    append_python_places(home + "/.local/lib", all);
  append_python_places("/usr/local/lib", all);
  append_python_places("/usr/lib", all);
  return all;
}

}  // namespace dlfs
