#include "dlfs/data/formats/coco_file.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>
#include <unordered_set>

#include "dlfs/base/error.h"
#include "dlfs/base/json.h"
#include "dlfs/data/formats/json_cursor.h"
#include "dlfs/data/formats/paths.h"

namespace dlfs {
namespace {

constexpr int64_t largest_side = int64_t{1} << 24;
constexpr size_t longest_extra = size_t{1} << 20;

// Adds one more member to a JSON object.
void keep(JsonCursor& cursor, std::string_view name, std::string& extra) {
  const std::string_view value = cursor.skip();
  extra += extra.empty() ? "{" : ",";
  extra += JsonWriter().value(name).text();
  extra.append(":").append(value);
  if (extra.size() > longest_extra)
    cursor.fail(concat("has more than ", longest_extra, " bytes that COCO has no word for"));
}

void close(std::string& extra) {
  if (!extra.empty()) extra += '}';
}

Category read_category(JsonCursor& cursor) {
  Category category;
  const auto read = [&](std::string_view name) {
    if (name == "id")
      category.source_id = cursor.integer("id");
    else if (name == "name")
      category.name = cursor.string("name");
    else if (name == "supercategory" && !cursor.null())
      category.supercategory = cursor.string("supercategory");
    else if (name != "supercategory")
      cursor.skip();
  };
  cursor.object(read, {"id", "name"});
  return category;
}

int read_side(JsonCursor& cursor, const char* name) {
  const int64_t side = cursor.integer(name);
  if (side < 0 || side > largest_side)
    cursor.fail(concat(name, " is ", side, ", but must be from 0 to ", largest_side));
  return static_cast<int>(side);
}

ImageRecord read_image(JsonCursor& cursor) {
  ImageRecord image;
  const auto read = [&](std::string_view name) {
    if (name == "id") {
      image.source_id = cursor.integer("id");
    } else if (name == "file_name") {
      const std::string said = cursor.string("file_name");
      const std::optional<std::string> path = relative_path(said);
      if (!path) cursor.fail(concat("file_name is ", quoted(said), ", ", no_relative_path));
      image.path = *path;
    } else if (name == "width") {
      image.size.width = read_side(cursor, "width");
    } else if (name == "height") {
      image.size.height = read_side(cursor, "height");
    } else {
      keep(cursor, name, image.extra);
    }
  };
  cursor.object(read, {"id", "file_name"});
  if ((image.size.width == 0) != (image.size.height == 0))
    cursor.fail(concat("is ", image.size.width, " wide and ", image.size.height, " high"));
  close(image.extra);
  return image;
}

bool read_crowd(JsonCursor& cursor) {
  const std::string_view text = cursor.skip();
  if (text != "0" && text != "1" && text != "false" && text != "true")
    cursor.fail(concat("iscrowd is ", cut(std::string(text), 40), ", but must be 0 or 1"));
  return text == "1" || text == "true";
}

CocoAnnotation read_annotation(JsonCursor& cursor) {
  CocoAnnotation annotation;
  bool has_area = false;
  const auto read = [&](std::string_view name) {
    if (name == "segmentation") {
      annotation.segmentation = read_segmentation(cursor);
    } else if (name == "area") {
      has_area = !cursor.null();
      if (has_area && (annotation.area = cursor.number("area")) < 0)
        cursor.fail(concat("area is ", annotation.area));
    } else if (name == "iscrowd") {
      annotation.crowd = read_crowd(cursor);
    } else if (name == "image_id") {
      annotation.image_id = cursor.integer("image_id");
    } else if (name == "bbox") {
      annotation.box = read_coco_box(cursor);
    } else if (name == "category_id") {
      annotation.category_id = cursor.integer("category_id");
    } else if (name == "id") {
      annotation.id = cursor.integer("id");
    } else {
      keep(cursor, name, annotation.extra);
    }
  };
  cursor.object(read, {"id", "image_id", "category_id", "bbox"});
  if (!has_area) annotation.area = area(annotation.box);
  close(annotation.extra);
  return annotation;
}

// Ids to indices; an id that is there twice is refused.
template <typename Items>
std::unordered_map<int64_t, uint32_t> index_by_id(const JsonCursor& cursor, const Items& items,
                                                  const char* kind) {
  std::unordered_map<int64_t, uint32_t> index(items.size());
  for (size_t i = 0; i < items.size(); ++i)
    if (!index.emplace(*items[i].source_id, static_cast<uint32_t>(i)).second)
      cursor.fail(concat("two ", kind, " have the id ", *items[i].source_id));
  return index;
}

template <typename Item>
void refuse_same_names(const JsonCursor& cursor, const std::vector<Item>& items, std::string Item::*name,
                       const char* kind) {
  std::unordered_set<std::string_view> names(items.size());
  for (const Item& item : items)
    if (!names.insert(item.*name).second) cursor.fail(concat("two ", kind, " are called ", item.*name));
}

// Resolves what annotations refer to, and sorts them by image.
void connect(const JsonCursor& cursor, CocoFile& file) {
  refuse_same_names(cursor, file.categories, &Category::name, "categories");
  refuse_same_names(cursor, file.images, &ImageRecord::path, "images");
  const auto categories = index_by_id(cursor, file.categories, "categories"),
             images = index_by_id(cursor, file.images, "images");
  std::vector<uint32_t> image_of;
  std::vector<int64_t> ids;
  file.starts.assign(file.images.size() + 1, 0);
  for (CocoAnnotation& annotation : file.annotations) {
    const auto image = images.find(annotation.image_id), category = categories.find(annotation.category_id);
    const auto refuse = [&](const char* kind, int64_t id) {
      cursor.fail(
          concat("annotation ", annotation.id, " has the ", kind, " ", id, ", which is not in the file"));
    };
    if (image == images.end()) refuse("image_id", annotation.image_id);
    if (category == categories.end()) refuse("category_id", annotation.category_id);
    annotation.category = category->second;
    image_of.push_back(image->second);
    ids.push_back(annotation.id);
    ++file.starts[image->second + 1];
  }
  std::sort(ids.begin(), ids.end());
  const auto twice = std::adjacent_find(ids.begin(), ids.end());
  if (twice != ids.end()) cursor.fail(concat("two annotations have the id ", *twice));

  for (size_t i = 1; i < file.starts.size(); ++i) file.starts[i] += file.starts[i - 1];
  std::vector<uint32_t> next(file.starts.begin(), file.starts.end() - 1);
  file.order.resize(image_of.size());
  for (size_t i = 0; i < image_of.size(); ++i) file.order[next[image_of[i]]++] = static_cast<uint32_t>(i);
}

}  // namespace

BoundingBox read_coco_box(JsonCursor& cursor) {
  float values[4] = {};
  size_t count = 0;
  cursor.array([&] {
    const double value = cursor.number("bbox");
    if (std::abs(value) > std::numeric_limits<float>::max())
      cursor.fail(concat("bbox has ", value, ", which no float holds"));
    if (count < 4) values[count] = static_cast<float>(value);
    ++count;
  });
  if (count != 4) cursor.fail(concat("bbox has ", count, " numbers, not [x, y, width, height]"));
  if (values[2] < 0 || values[3] < 0)
    cursor.fail(concat("bbox is ", values[2], " wide and ", values[3], " high, but neither can be below 0"));
  return {.x = values[0], .y = values[1], .width = values[2], .height = values[3]};
}

CocoFile read_coco(std::string_view text, const std::string& source) {
  JsonCursor cursor("coco", source, without_mark(text));
  CocoFile file;
  const auto read = [&](std::string_view name) {
    if (name == "images")
      cursor.array([&] { file.images.push_back(read_image(cursor)); });
    else if (name == "annotations")
      cursor.array([&] { file.annotations.push_back(read_annotation(cursor)); });
    else if (name == "categories")
      cursor.array([&] { file.categories.push_back(read_category(cursor)); });
    else
      cursor.skip();
  };
  cursor.object(read, {"images", "annotations", "categories"});
  cursor.end();
  connect(cursor, file);
  return file;
}

}  // namespace dlfs
