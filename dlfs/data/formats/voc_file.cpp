#include <cmath>
#include <limits>

#include "dlfs/base/error.h"
#include "dlfs/base/json.h"
#include "dlfs/data/formats/paths.h"
#include "dlfs/data/formats/voc.h"
#include "dlfs/data/formats/xml.h"

namespace dlfs {
namespace {

class Reader {
 public:
  explicit Reader(const std::string& source) : source_(source) {}

  VocFile read(const XmlElement& root) const {
    if (root.name != "annotation")
      fail(concat("its outermost element is <", root.name, ">, not <annotation>"));
    VocFile file{.path = path(root), .size = size(root), .objects = {}};
    for (const XmlElement& element : root.children)
      if (element.name == "object") file.objects.push_back(object(element, file.objects.size() + 1));
    return file;
  }

 private:
  [[noreturn]] void fail(const std::string& fact) const {
    throw FileError("voc", concat(source_, ": ", fact));
  }

  double number(const XmlElement& parent, const char* name, std::optional<double> absent) const {
    const std::string text = parent.text_of(name);
    if (text.empty() && absent) return *absent;
    const std::optional<double> value = parse_number<double>(text);
    if (!value || !std::isfinite(*value))
      fail(concat(name, " is \"", cut(text, 40), "\", but must be a number"));
    return *value;
  }

  std::string path(const XmlElement& root) const {
    const std::string said = root.text_of("filename");
    if (said.empty()) return "";
    const std::optional<std::string> path = relative_path(said);
    if (!path)
      fail(concat("filename is ", JsonWriter().value(cut(said, 200)).text(), ", ", no_relative_path));
    return *path;
  }

  Size size(const XmlElement& root) const {
    const XmlElement* size = root.find("size");
    if (size == nullptr) return {};
    const double width = number(*size, "width", 0), height = number(*size, "height", 0);
    if (width < 0 || height < 0 || width > 1 << 24 || height > 1 << 24)
      fail(concat("size is ", width, " x ", height));
    return {static_cast<int>(width), static_cast<int>(height)};
  }

  VocObject object(const XmlElement& element, size_t index) const {
    const XmlElement* box = element.find("bndbox");
    const std::string name = element.text_of("name"), place = concat("object ", index);
    if (name.empty()) fail(place + " has no name");
    if (box == nullptr) fail(concat(place, " (", name, ") has no bndbox"));
    return {.name = name, .box = read_box(*box, concat(place, " (", name, ")")), .extra = extra(element)};
  }

  BoundingBox read_box(const XmlElement& box, const std::string& place) const {
    const double left = number(box, "xmin", {}) - 1, top = number(box, "ymin", {}) - 1;
    const double width = number(box, "xmax", {}) - left, height = number(box, "ymax", {}) - top;
    const double most = std::numeric_limits<float>::max();
    if (width < 0 || height < 0)
      fail(concat(place, " ends before it begins: it is ", width, " x ", height, " pixels"));
    if (std::abs(left) > most || std::abs(top) > most || width > most || height > most)
      fail(place + " has a box that no float holds");
    return {static_cast<float>(left), static_cast<float>(top), static_cast<float>(width),
            static_cast<float>(height)};
  }

  // What VOC says of an object besides, as a JSON object of texts and whole numbers.
  static std::string extra(const XmlElement& object) {
    JsonWriter json;
    json.object();
    bool any = false;
    for (const char* name : voc_extra) {
      const std::string text = object.text_of(name);
      if (text.empty()) continue;
      any = true;
      if (const std::optional<int> number = parse_number<int>(text))
        json.field(name, *number);
      else
        json.field(name, text);
    }
    return any ? json.close().text() : "";
  }

  const std::string& source_;
};

}  // namespace

VocFile parse_voc(std::string_view text, const std::string& source) {
  return Reader(source).read(parse_xml(text, "voc", source));
}

std::string voc_listed_stem(const std::string& line) {
  const size_t end = line.find_last_not_of(" \t");
  std::string stem = line.substr(0, end == std::string::npos ? 0 : end + 1);
  const size_t space = stem.find_last_of(" \t");
  const std::string mark = space == std::string::npos ? "" : stem.substr(space + 1);
  if (mark == "1" || mark == "0" || mark == "-1") stem.resize(stem.find_last_not_of(" \t", space) + 1);
  return stem;
}

}  // namespace dlfs
