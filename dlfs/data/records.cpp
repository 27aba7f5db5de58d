#include "dlfs/data/records.h"

#include <algorithm>

namespace dlfs {

std::string to_string(Split split) {
  switch (split) {
    case Split::train:
      return "train";
    case Split::validation:
      return "val";
    case Split::test:
      return "test";
    case Split::none:
      break;
  }
  return "none";
}

std::string clean_path(const std::string& path) {
  std::string clean;
  if (path.find('\0') != std::string::npos || path.starts_with('/')) return "";
  for (size_t start = 0; start <= path.size();) {
    const size_t end = std::min(path.find('/', start), path.size());
    const std::string part = path.substr(start, end - start);
    if (part == "..") return "";
    if (!part.empty() && part != ".") clean += (clean.empty() ? "" : "/") + part;
    start = end + 1;
  }
  return clean;
}

}  // namespace dlfs
