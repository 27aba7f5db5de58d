#include <array>
#include <string>

#include "dlfs/base/error.h"
#include "dlfs/base/json.h"
#include "dlfs/data/formats/coco_file.h"
#include "dlfs/data/formats/export.h"

namespace dlfs {
namespace {

// Adds the members of a JSON object to one that is closed: those that an import kept. What the record says itself stands.
void add_extra(std::string& record, const std::string& extra, const std::string& source) {
  if (extra.empty()) return;
  JsonCursor said("coco", source, record), more("coco", source, extra);
  std::unordered_set<std::string> names;
  said.object([&](std::string_view name) { names.emplace(name), said.skip(); });
  record.pop_back();
  more.object([&](std::string_view name) {
    const std::string_view value = more.skip();
    if (names.contains(std::string(name))) return;
    record.append(",").append(JsonWriter().value(name).text()).append(":").append(value);
  });
  more.end();
  record += '}';
}

std::string category_record(const Category& category, SourceIds& ids) {
  JsonWriter json;
  json.object().field("id", ids.of(category.id)).field("name", category.name);
  if (!category.supercategory.empty()) json.field("supercategory", category.supercategory);
  return json.close().text();
}

std::string image_record(const ImageRecord& image, const std::string& name, SourceIds& ids) {
  std::string record = JsonWriter()
                           .object()
                           .field("id", ids.of(image.id))
                           .field("file_name", name)
                           .field("width", image.size.width)
                           .field("height", image.size.height)
                           .close()
                           .text();
  add_extra(record, image.extra, concat("image ", image.id));
  return record;
}

std::string annotation_record(const Annotation& annotation, Selection& selection) {
  JsonWriter json;
  json.object()
      .field("id", selection.annotation_ids.of(annotation.id))
      .field("image_id", selection.image_ids.of(annotation.image))
      .field("category_id", selection.category_ids.of(selection.category(annotation.category).id));
  const BoundingBox& box = *annotation.box;
  json.field("bbox", std::array{box.x, box.y, box.width, box.height});
  json.field("area", annotation.area).field("iscrowd", annotation.crowd ? 1 : 0);
  std::string record = json.close().text();
  const std::string source = concat("annotation ", annotation.id);
  if (!annotation.segmentation.empty()) {
    JsonCursor cursor("coco", source, annotation.segmentation);
    record.pop_back();
    record.append(",\"segmentation\":").append(read_segmentation(cursor)).append("}");
    cursor.end();
  }
  add_extra(record, annotation.extra, source);
  return record;
}

}  // namespace

// Annotations stand before images, so that one pass over the store writes the long part at once.
ExportCounts export_coco(const Store& store, const ExportRequest& request) {
  Selection selection(store, request);
  ExportCounts counts{.root = selection.root()};
  NewFile file(new_path(request.path));
  file.write("{\"info\":{\"description\":\"exported by dlfs\"},\"licenses\":[],\n\"categories\":[");
  std::string comma;
  const auto write = [&](const std::string& record) {
    file.write(comma + "\n");
    file.write(record);
    comma = ",";
  };
  for (const Category& category : selection.categories())
    write(category_record(category, selection.category_ids));
  file.write("],\n\"annotations\":[");
  comma.clear();
  std::string images;
  selection.for_each([&](const ImageWithBoxes& found) {
    images += concat(counts.images++ == 0 ? "\n" : ",\n",
                     image_record(found.image, selection.name(found.image), selection.image_ids));
    for (const Annotation& annotation : found.annotations) {
      if (annotation.box)
        write(annotation_record(annotation, selection)), ++counts.annotations;
      else
        ++counts.left_out;
    }
  });
  file.write("],\n\"images\":[");
  file.write(images);
  file.write("]}\n");
  file.commit();
  return counts;
}

}  // namespace dlfs
