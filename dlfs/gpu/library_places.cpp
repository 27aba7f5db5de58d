#include "dlfs/gpu/library_places.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>

namespace dlfs {
namespace {

namespace fs = std::filesystem;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

// "libcudnn.so.9" and "libcudnn.5a3b.so.9", which some packages bring for themselves, but not "libcudnn_ops.so.9".
void append_files(const fs::path& folder, const Library& library, std::vector<std::string>& all) {
  const std::string start = library.files[0].substr(0, library.files[0].find('.') + 1);
  std::error_code ignored;
  for (fs::directory_iterator entry(folder, ignored), end; entry != end; entry.increment(ignored))
    if (entry->path().filename().string().rfind(start, 0) == 0) all.push_back(entry->path());
}

// Where pip puts it: LIB/python3.x/site-packages/nvidia/cudnn/lib.
void append_python_places(const fs::path& lib, const Library& library, std::vector<std::string>& all) {
  std::error_code ignored;
  for (fs::directory_iterator entry(lib, ignored), end; entry != end; entry.increment(ignored))
    for (const char* packages : {"site-packages", "dist-packages"})
      for (const std::string& wheel : library.wheels)
        append_files(entry->path() / packages / wheel, library, all);
}

}  // namespace

std::vector<std::string> library_places(const Library& library) {
  std::vector<std::string> all;
  const auto append_names = [&](const fs::path& folder) {
    for (const std::string& file : library.files) all.push_back(folder / file);
  };
  if (const fs::path told = variable(library.variable.c_str()); !told.empty()) {
    std::error_code ignored;
    if (!fs::is_directory(told, ignored)) return {told};
    append_names(told);
    return all;
  }
  append_names("");
  append_names("/usr/local/cuda/lib64");
  append_names("/usr/lib/x86_64-linux-gnu");
  for (const char* environment : {"VIRTUAL_ENV", "CONDA_PREFIX"})
    if (const std::string root = variable(environment); !root.empty())
      append_python_places(root + "/lib", library, all);
  if (const std::string home = variable("HOME"); !home.empty())
    append_python_places(home + "/.local/lib", library, all);
  append_python_places("/usr/local/lib", library, all);
  append_python_places("/usr/lib", library, all);
  return all;
}

bool open_library(const Library& library, const std::function<bool(void* file, std::string& found)>& take,
                  std::vector<LibraryPlace>& tried) {
  for (const std::string& place : library_places(library)) {
    std::string& found = tried.emplace_back(LibraryPlace{place, ""}).found;
    void* file = dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (file == nullptr)
      found = dlerror();
    else if (take(file, found))
      return true;
  }
  return false;
}

std::string file_of(const void* function) {
  Dl_info info{};
  return dladdr(function, &info) != 0 ? info.dli_fname : "";
}

}  // namespace dlfs
