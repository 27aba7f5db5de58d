#include "dlfs/testing/store_rows.h"

#include <algorithm>
#include <map>

#include "dlfs/base/json.h"
#include "dlfs/base/text.h"

namespace dlfs::testing {
namespace {

std::string number(std::optional<int64_t> value) { return value ? std::to_string(*value) : "-"; }

std::string text_of(const BoundingBox& box) {
  return JsonWriter().array().value(box.x).value(box.y).value(box.width).value(box.height).close().text();
}

std::string row_of(const Annotation& one, const std::string& category, const Carried& carried) {
  std::string row = concat("  ", category, " ", one.box ? text_of(*one.box) : "whole");
  if (carried.source_ids) row += " id " + number(one.source_id);
  if (carried.masks) {
    row += concat(" area ", JsonWriter().array().value(one.area).close().text());
    row += concat(one.crowd ? " crowd " : " ", one.segmentation);
  }
  return carried.extra ? row + " " + one.extra : row;
}

}  // namespace

std::vector<std::string> rows_of(const Store& store, const Carried& carried) {
  std::map<int64_t, std::string> folders, categories;
  std::vector<std::string> rows;
  for (const ImageFolder& folder : store.folders()) folders[folder.id] = folder.path;
  for (const Category& category : store.categories()) {
    categories[category.id] = category.name;
    std::string row = "category " + category.name;
    if (carried.supercategory) row += " of " + category.supercategory;
    if (carried.source_ids) row += " id " + number(category.source_id);
    if (carried.source_ids) rows.push_back(row);
  }
  std::vector<std::pair<std::string, std::vector<std::string>>> images;
  store.for_each_image([&](const ImageWithBoxes& found) {
    const ImageRecord& image = found.image;
    std::string row =
        concat(folders[image.folder], " ", image.path, " ", image.size.width, "x", image.size.height);
    if (carried.source_ids) row += " id " + number(image.source_id);
    if (carried.split) row += " " + to_string(image.split);
    if (carried.extra) row += " " + image.extra;
    auto& [name, annotations] = images.emplace_back(row, std::vector<std::string>());
    for (const Annotation& one : found.annotations)
      if (one.box ? carried.boxes : carried.whole_images)
        annotations.push_back(row_of(one, categories[one.category], carried));
  });
  std::stable_sort(images.begin(), images.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [row, annotations] : images) {
    rows.push_back(row);
    rows.insert(rows.end(), annotations.begin(), annotations.end());
  }
  return rows;
}

}  // namespace dlfs::testing
