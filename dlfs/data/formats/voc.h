// What import and export of Pascal VOC share.
#pragma once

#include <array>

namespace dlfs {

// What an <object> says besides its name and box, that a store keeps as `extra`.
inline constexpr std::array voc_extra = {"pose", "truncated", "difficult", "occluded"};

}  // namespace dlfs
