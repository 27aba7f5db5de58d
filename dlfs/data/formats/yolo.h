// YOLO's text files: a line "class centre_x centre_y width height" an object, in parts of the upright image's size, and the
// names of the classes. Any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dlfs/data/records.h"

namespace dlfs {

struct YoloBox {
  size_t index = 0;  // of its class
  BoundingBox box;
};
struct YoloLimits {
  size_t classes = 0;
  Size size;  // of the image; 0 x 0 where it is not known, and then there can be no boxes
};
// Throws FileError with `source` and line: among others where a class is none, or a number is no part of the size, but
// pixels. Boxes may pass the border.
std::vector<YoloBox> parse_yolo(std::string_view text, const std::string& source, const YoloLimits& limits);

// From data.yaml (its `names:` and nothing else of it), obj.names or classes.txt: of a folder, or of such a file. Throws FileError where there is none.
std::vector<std::string> read_yolo_names(const std::string& path);

// `names:` as a list ([a, b], or lines "- a") or a map ({0: a}, or lines "0: a") whose keys count from 0. Nothing where
// there is no such line. `source` names the text in errors.
std::vector<std::string> parse_yaml_names(const std::vector<std::string>& lines, const std::string& source);

}  // namespace dlfs
