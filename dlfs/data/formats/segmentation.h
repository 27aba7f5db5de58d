// COCO's segmentations, which are kept as they came: a list of polygons [[x, y, x, y, ...], ...], or run lengths
// {"counts": [n, ...] or "text", "size": [height, width]}, which must add up to the size. Any thread.
#pragma once

#include <string_view>

#include "dlfs/data/formats/json_cursor.h"

namespace dlfs {

// The text of the value that comes, once its structure is seen to be right; "" for null.
std::string_view read_segmentation(JsonCursor& cursor);

}  // namespace dlfs
