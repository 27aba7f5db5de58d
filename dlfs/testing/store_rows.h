// What two stores hold, made comparable: rows as lines of text, own ids replaced by names, and of the columns those that a
// format carries. Any thread.
#pragma once

#include <string>
#include <vector>

#include "dlfs/data/store/store.h"

namespace dlfs::testing {

struct Carried {
  bool source_ids = true;
  bool split = true;
  bool masks = true;  // segmentation, area, crowd
  bool extra = true;
  bool supercategory = true;
  bool whole_images = true;  // annotations without a box
  bool boxes = true;
};

// A line a category that is used (and, with source ids, any), image and annotation; images by folder and path, the
// annotations of one in their order.
std::vector<std::string> rows_of(const Store& store, const Carried& carried = {});

}  // namespace dlfs::testing
