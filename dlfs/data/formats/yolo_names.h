// The names of YOLO's classes, in their order: from data.yaml (its `names:` and nothing else of it), obj.names or
// classes.txt. Any thread.
#pragma once

#include <string>
#include <vector>

namespace dlfs {

// Of a folder, or of a file of one of the three kinds. Throws FileError where there is none.
std::vector<std::string> read_yolo_names(const std::string& path);

// `names:` as a list ([a, b], or lines "- a") or a map ({0: a}, or lines "0: a") whose keys count from 0. Nothing where
// there is no such line. `source` names the text in errors.
std::vector<std::string> parse_yaml_names(const std::vector<std::string>& lines, const std::string& source);

}  // namespace dlfs
