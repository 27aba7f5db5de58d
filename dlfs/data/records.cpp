#include "dlfs/data/records.h"

#include <array>

#include "dlfs/base/text.h"

namespace dlfs {

std::string to_string(Split split) {
  constexpr std::array names = {"train", "val", "test", "none"};
  return names[static_cast<size_t>(split)];
}

std::string clean_path(const std::string& path) {
  std::string clean;
  if (path.find('\0') != std::string::npos || path.starts_with('/')) return "";
  for (const std::string& part : split(path, '/')) {
    if (part == "..") return "";
    if (!part.empty() && part != ".") clean += (clean.empty() ? "" : "/") + part;
  }
  return clean;
}

}  // namespace dlfs
