// Pascal VOC's XML. Pixels are counted from 1 and both ends belong to the box, so it covers xmin - 1 to xmax: the reading of
// Detectron2, in which 1..W is the whole width. Any thread.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "dlfs/data/records.h"

namespace dlfs {

// What an <object> says besides its name and box, that a store keeps as `extra`; parts of persons are passed over.
inline constexpr std::array voc_extra = {"pose", "truncated", "difficult", "occluded"};

struct VocObject {
  std::string name;
  BoundingBox box;
  std::string extra;  // a JSON object; "" for none
};
struct VocFile {
  std::string path;  // of the image, relative; "" where the file does not say
  Size size;         // a side is 0 where it does not say
  std::vector<VocObject> objects;
};
// Throws FileError with `source`.
VocFile parse_voc(std::string_view text, const std::string& source);

// Of a line of a list: a name, and in the lists of one class "1", "0" or "-1" after it.
std::string voc_listed_stem(const std::string& line);

}  // namespace dlfs
