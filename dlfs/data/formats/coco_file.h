// COCO's instances JSON as one pass over its text sees it (https://cocodataset.org/#format-data): numbers are exact, every
// reference is resolved, and what the format has no word for is kept. Any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dlfs/data/formats/json_cursor.h"
#include "dlfs/data/records.h"

namespace dlfs {

struct CocoAnnotation {
  int64_t id = 0, image_id = 0, category_id = 0;
  BoundingBox box;
  double area = 0;  // of the box where the file does not say
  bool crowd = false;
  std::string_view segmentation;  // a part of the file's text; "" for none
  std::string extra;              // its other members, as a JSON object; "" for none
  uint32_t category = 0;          // its index in CocoFile::categories
};

struct CocoFile {
  std::vector<Category> categories;  // their source_id is the file's; id is left 0, as in images
  std::vector<ImageRecord> images;
  std::vector<CocoAnnotation> annotations;
  // Annotations by image, in the file's order: those of image i are the annotations[order[k]] with
  // starts[i] <= k < starts[i + 1].
  std::vector<uint32_t> order, starts;
};

// Throws FileError with `source` and the record where `text` is no such file; the result looks into it.
CocoFile read_coco(std::string_view text, const std::string& source);

BoundingBox read_coco_box(JsonCursor& cursor);  // [x, y, width, height]

// A segmentation, which is kept as it came: a list of polygons [[x, y, x, y, ...], ...], or run lengths
// {"counts": [n, ...] or "text", "size": [height, width]}, which must add up to the size. The text of the value that comes,
// once its structure is seen to be right; "" for null.
std::string_view read_segmentation(JsonCursor& cursor);

}  // namespace dlfs
