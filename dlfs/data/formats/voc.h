// What VOC's two directions share. Pixels are counted from 1 and both ends belong to the box, so it covers xmin - 1 to xmax:
// the reading of Detectron2, in which 1..W is the whole width. Any thread.
#pragma once

#include <array>
#include <string>

namespace dlfs {

// What an <object> says besides its name and box, that a store keeps as `extra`; parts of persons are passed over.
inline constexpr std::array voc_extra = {"pose", "truncated", "difficult", "occluded"};

// Of a line of a list: a name, and in the lists of one class "1", "0" or "-1" after it.
std::string voc_listed_stem(const std::string& line);

}  // namespace dlfs
