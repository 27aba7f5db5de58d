#include <algorithm>
#include <map>

#include "dlfs/base/error.h"
#include "dlfs/base/json.h"
#include "dlfs/data/formats/export.h"
#include "dlfs/data/formats/paths.h"
#include "dlfs/data/formats/voc.h"
#include "dlfs/data/formats/xml.h"

namespace dlfs {
namespace {

template <typename Value>
std::string element(const char* name, const Value& value) {
  return concat("<", name, ">", value, "</", name, ">");
}

// Pixels are counted from 1, and both ends belong to the box.
std::string box_element(const BoundingBox& box) {
  const auto number = [](const char* name, double value) {
    return element(name, JsonWriter().value(value).text());
  };
  return concat("<bndbox>", number("xmin", double{box.x} + 1), number("ymin", double{box.y} + 1),
                number("xmax", double{box.x} + double{box.width}),
                number("ymax", double{box.y} + double{box.height}), "</bndbox>");
}

std::string object_element(const Annotation& annotation, const std::string& category) {
  std::string text = concat("\t<object>\n\t\t", element("name", escape_xml(category)), "\n");
  if (!annotation.extra.empty()) {
    const Json extra = Json::parse(annotation.extra, concat("annotation ", annotation.id));
    for (const char* name : voc_extra) {
      const Json* value = extra.find(name);
      if (value == nullptr) continue;
      if (value->string() != nullptr)
        text += concat("\t\t", element(name, escape_xml(*value->string())), "\n");
      else if (value->integer())
        text += concat("\t\t", element(name, *value->integer()), "\n");
    }
  }
  return concat(text, "\t\t", box_element(*annotation.box), "\n\t</object>\n");
}

// The names of XML files: those of the images without their folders, as far as no two are alike.
class Stems {
 public:
  std::string of(const std::string& name) {
    std::string whole = without_ending(name), stem = seen(file_name(whole));
    if (taken_.insert(stem).second) return stem;
    std::replace(whole.begin(), whole.end(), '/', '_');
    stem = whole = seen(whole);
    for (int i = 2; !taken_.insert(stem).second; ++i) stem = concat(whole, "_", i);
    return stem;
  }

 private:
  // A name that a folder would hide, or whose end a line of a list would lose, is changed.
  static std::string seen(std::string stem) {
    if (voc_listed_stem(stem) != stem) std::replace(stem.begin(), stem.end(), ' ', '_');
    return stem.empty() || stem.front() == '.' ? "_" + stem : stem;
  }

  std::unordered_set<std::string> taken_;
};

}  // namespace

ExportCounts export_voc(const Store& store, const ExportRequest& request) {
  const Selection selection(store, request);
  ExportCounts counts{.root = selection.root()};
  NewFolder folder(request.path);
  std::map<Split, std::string> lists;
  Stems stems;
  selection.for_each([&](const ImageWithBoxes& found) {
    const ImageRecord& image = found.image;
    const std::string name = selection.name(image), stem = stems.of(name);
    std::string text = concat("<annotation>\n\t", element("filename", escape_xml(name)), "\n\t<size>",
                              element("width", image.size.width), element("height", image.size.height),
                              element("depth", 3), "</size>\n");
    for (const Annotation& annotation : found.annotations) {
      if (annotation.box)
        text += object_element(annotation, selection.category(annotation.category).name),
            ++counts.annotations;
      else
        ++counts.left_out;
    }
    folder.write(concat("Annotations/", stem, ".xml"), text + "</annotation>\n");
    if (image.split != Split::none) lists[image.split] += stem + "\n";
    ++counts.images;
  });
  for (const auto& [split, lines] : lists)
    folder.write(concat("ImageSets/Main/", to_string(split), ".txt"), lines);
  folder.commit();
  return counts;
}

}  // namespace dlfs
