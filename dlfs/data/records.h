// What people know about images, as plain records: the rows of the annotation store, and what importers and exporters
// pass around. A box is [x, y, width, height] in pixels of the upright image (its EXIF orientation applied), from the
// upper left corner, in f32. Ids are our own, from 1; 0 means none. A source's own ids are kept beside them, so that an
// export can write them back. Any thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "dlfs/data/picture.h"

namespace dlfs {

enum class Split : uint8_t { train, validation, test, none };
std::string to_string(Split split);  // "train", "val", "test", "none"

struct BoundingBox {
  float x = 0, y = 0, width = 0, height = 0;
  bool operator==(const BoundingBox&) const = default;
};

inline double area(const BoundingBox& box) { return double{box.width} * double{box.height}; }

struct Category {
  int64_t id = 0;
  std::string name = {};           // no other has it
  std::string supercategory = {};  // COCO's; "" for none
  std::optional<int64_t> source_id = {};
};

// A folder that image files lie in; their paths are relative to it and never leave it.
struct ImageFolder {
  int64_t id = 0;
  std::string path;  // absolute once it is read from a store
};

// "./a//b.jpg" -> "a/b.jpg", so that one file has one name; "" for a path that is none or may lead out of its folder.
std::string clean_path(const std::string& path);

struct ImageRecord {
  int64_t id = 0;
  int64_t folder = 0;
  std::string path = {};  // relative to the folder; no other image of that folder has it
  Size size;              // upright; 0 x 0 where the source does not say and nobody looked
  Split split = Split::none;
  std::string sha256 = {};  // of the file, 64 hex digits; "" where nobody looked
  std::optional<int64_t> source_id = {};
  std::string extra = {};  // what else the source says, as a JSON object; "" for none
};

enum class Origin : uint8_t { import, human, model };

struct Annotation {
  int64_t id = 0;
  int64_t image = 0, category = 0;
  std::optional<BoundingBox> box = {};  // without one the whole image is labelled
  double area = 0;                      // of the mask where there is one, else of the box
  bool crowd = false;
  Origin origin = Origin::import;
  bool deleted = false;
  std::optional<int64_t> source_id = {};
  std::string segmentation = {};  // JSON as it came: COCO's polygons or run lengths; "" for none
  std::string extra = {};  // what else the source says (VOC's difficult), as a JSON object; "" for none
};

// Where the record with this id stands among those that are sorted by it.
template <typename Records>
std::optional<size_t> place_of(const Records& records, int64_t id) {
  const auto found = std::lower_bound(records.begin(), records.end(), id,
                                      [](const auto& record, int64_t wanted) { return record.id < wanted; });
  if (found == records.end() || found->id != id) return {};
  return static_cast<size_t>(found - records.begin());
}

}  // namespace dlfs
