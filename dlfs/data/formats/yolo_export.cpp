#include <array>
#include <map>

#include "dlfs/base/error.h"
#include "dlfs/base/json.h"
#include "dlfs/data/formats/export.h"
#include "dlfs/data/formats/paths.h"

namespace dlfs {
namespace {

std::string line_of(const Annotation& annotation, size_t index, Size size) {
  const BoundingBox& box = *annotation.box;
  const double width = box.width, height = box.height;
  const std::array parts = {(box.x + width / 2) / size.width, (box.y + height / 2) / size.height,
                            width / size.width, height / size.height};
  std::string text = JsonWriter().value(parts).text();  // with the fewest digits that read back the same
  for (char& c : text)
    if (c == '[' || c == ',') c = ' ';
  text.back() = '\n';
  return std::to_string(index) + text;
}

std::string data_yaml(const Selection& selection, const std::map<Split, std::string>& lists) {
  std::string text = concat("# exported by dlfs; the images lie in ",
                            JsonWriter().value(selection.root()).text(), "\npath: .\n");
  for (const auto& [split, lines] : lists)
    if (split != Split::none) text += concat(to_string(split), ": ", to_string(split), ".txt\n");
  text += "names:\n";
  size_t index = 0;
  for (const Category& category : selection.categories())
    text += concat("  ", index++, ": ", JsonWriter().value(category.name).text(), "\n");
  return text;
}

}  // namespace

ExportCounts export_yolo(const Store& store, const ExportRequest& request) {
  const Selection selection(store, request);
  ExportCounts counts{.root = selection.root()};
  NewFolder folder(request.path);
  std::map<Split, std::string> lists;  // of image files
  std::unordered_set<std::string> taken;
  selection.for_each([&](const ImageWithBoxes& found) {
    const ImageRecord& image = found.image;
    const std::string name = selection.name(image);
    std::string start = image.split == Split::none ? "" : to_string(image.split) + "/";
    if (name.starts_with(start)) start.clear();  // images/train/ and images/val/ themselves
    const std::string path = concat("labels/", start, without_ending(name), ".txt");
    if (!taken.insert(path).second)
      throw FileError("yolo", concat("two images would have the label file ", path, ": ", name, " is one"));
    std::string text;
    for (const Annotation& annotation : found.annotations) {
      const size_t index = selection.category_index(annotation.category);
      if (!annotation.box) {
        ++counts.left_out;
        continue;
      }
      if (image.size.width <= 0 || image.size.height <= 0)
        throw FileError("yolo", name + ": its size is not known, but boxes are parts of it");
      text += line_of(annotation, index, image.size);
      ++counts.annotations;
    }
    folder.write(path, text);
    lists[image.split] += concat(selection.root(), "/", name, "\n");
    ++counts.images;
  });
  for (const auto& [split, lines] : lists) folder.write(to_string(split) + ".txt", lines);
  folder.write("data.yaml", data_yaml(selection, lists));
  folder.commit();
  return counts;
}

}  // namespace dlfs
