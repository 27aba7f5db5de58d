#include <cmath>
#include <limits>
#include <unordered_map>

#include "dlfs/base/error.h"
#include "dlfs/base/json.h"
#include "dlfs/data/formats/intake.h"
#include "dlfs/data/formats/paths.h"
#include "dlfs/data/formats/voc.h"
#include "dlfs/data/formats/xml.h"

namespace dlfs {
namespace {

// Of one image; throws FileError with `source`.
class VocFile {
 public:
  VocFile(const XmlElement& root, const std::string& source, Intake& intake) : source_(source) {
    if (root.name != "annotation")
      fail(concat("its outermost element is <", root.name, ">, not <annotation>"));
    path = read_path(root);
    size = read_size(root);
    for (const XmlElement& element : root.children)
      if (element.name == "object") annotations.push_back(read_object(element, intake));
  }

  std::string path;  // of the image, relative; "" where the file does not say
  Size size;         // a side is 0 where it does not say
  std::vector<Annotation> annotations;

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

  std::string read_path(const XmlElement& root) const {
    const std::string said = root.text_of("filename");
    if (said.empty()) return "";
    const std::optional<std::string> found = relative_path(said);
    if (!found) fail(concat("filename is ", quoted(said), ", ", no_relative_path));
    return *found;
  }

  Size read_size(const XmlElement& root) const {
    const XmlElement* said = root.find("size");
    if (said == nullptr) return {};
    const double width = number(*said, "width", 0), height = number(*said, "height", 0);
    if (width < 0 || height < 0 || width > 1 << 24 || height > 1 << 24)
      fail(concat("size is ", width, " x ", height));
    return {static_cast<int>(width), static_cast<int>(height)};
  }

  Annotation read_object(const XmlElement& element, Intake& intake) const {
    const XmlElement* box = element.find("bndbox");
    const std::string name = element.text_of("name"), place = concat("object ", annotations.size() + 1);
    if (name.empty()) fail(place + " has no name");
    if (box == nullptr) fail(concat(place, " (", name, ") has no bndbox"));
    Annotation annotation =
        label_of(intake.category({.name = name}), read_box(*box, concat(place, " (", name, ")")));
    annotation.extra = extra(element);
    return annotation;
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

struct Place {
  std::string annotations, images;  // folders
  std::string lists = {};           // likewise, but it may not be there
  std::optional<Split> split = {};
};

bool holds_xml(const std::string& folder) { return is_folder(folder) && !names_in(folder, "xml").empty(); }

// Annotations/ beside JPEGImages/, here or in the only folder that has it (VOCdevkit/VOC2007); or XML beside its images, in
// one folder or in one for each split.
std::vector<Place> find_places(const std::string& path) {
  if (!is_folder(path)) throw FileError("voc", path + ": is no folder");
  std::vector<std::string> roots;
  if (is_folder(path + "/Annotations")) roots.push_back(path);
  std::vector<Place> places;
  for (const std::string& name : names_in(path)) {
    const std::string folder = concat(path, "/", name);
    if (roots.empty() || roots[0] != path)
      if (is_folder(folder + "/Annotations")) roots.push_back(folder);
    if (split_of(name) && holds_xml(folder))
      places.push_back({.annotations = folder, .images = folder, .split = split_of(name)});
  }
  if (roots.size() > 1)
    throw FileError("voc", concat(path, ": holds several sets (", join(roots, ", "), "); name one"));
  if (roots.size() == 1) {
    const std::string& root = roots[0];
    const bool usual = is_folder(root + "/JPEGImages");
    return {{.annotations = root + "/Annotations",
             .images = usual                         ? root + "/JPEGImages"
                       : is_folder(root + "/images") ? root + "/images"
                                                     : root,
             .lists = root + "/ImageSets/Main"}};
  }
  if (places.empty() && holds_xml(path)) places.push_back({.annotations = path, .images = path});
  if (places.empty()) throw FileError("voc", path + ": has no folder Annotations with XML files");
  return places;
}

// The split of each image, by the name of its XML file, as ImageSets/Main/{train,val,test}.txt say. Where only trainval.txt
// is there, its images are for training.
std::unordered_map<std::string, Split> read_lists(const std::string& folder) {
  std::unordered_map<std::string, Split> splits;
  const auto read = [&](const std::string& name, Split split) {
    const std::string path = concat(folder, "/", name, ".txt");
    if (!is_file(path)) return false;
    for (const std::string& line : lines_of(path)) {
      const std::string stem = voc_listed_stem(line);
      if (stem.empty()) continue;
      const auto [known, fresh] = splits.emplace(stem, split);
      if (!fresh && known->second != split)
        throw FileError("voc", concat(path, ": ", stem, " is for ", to_string(split), ", but was for ",
                                      to_string(known->second), " already"));
    }
    return true;
  };
  const bool train = read("train", Split::train), val = read("val", Split::validation);
  read("test", Split::test);
  if (!train && !val) read("trainval", Split::train);
  return splits;
}

// Where the image is: not every tool gives its name right.
std::string path_of(const VocFile& file, const std::string& stem, const Intake& intake) {
  if (!file.path.empty() && intake.has(file.path)) return file.path;
  for (const char* ending : {".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG"})
    if (intake.has(stem + ending)) return stem + ending;
  return file.path.empty() ? stem + ".jpg" : file.path;
}

void import_place(const Place& place, const ImportRequest& request, Intake& intake) {
  const Folder folder(place.annotations);
  const auto splits = read_lists(place.lists);
  intake.folder(request.images.empty() ? place.images : request.images);
  for (const std::string& name : names_in(place.annotations, "xml")) {
    const Bytes bytes = folder.read(name, {.max_bytes = uint64_t{16} << 20});
    const std::string source = concat(place.annotations, "/", name), stem = without_ending(name);
    VocFile file(parse_xml(text_of(bytes), "voc", source), source, intake);
    ImageRecord image{.path = path_of(file, stem, intake), .size = file.size};
    if (image.size.width == 0 || image.size.height == 0) image.size = intake.size_of(image.path);
    const auto split = splits.find(stem);
    image.split = place.split ? *place.split : split != splits.end() ? split->second : Split::none;
    intake.image(std::move(image), file.annotations);
  }
}

}  // namespace

std::string voc_listed_stem(const std::string& line) {
  const size_t end = line.find_last_not_of(" \t");
  std::string stem = line.substr(0, end == std::string::npos ? 0 : end + 1);
  const size_t space = stem.find_last_of(" \t");
  const std::string mark = space == std::string::npos ? "" : stem.substr(space + 1);
  if (mark == "1" || mark == "0" || mark == "-1") stem.resize(stem.find_last_not_of(" \t", space) + 1);
  return stem;
}

ImportReport import_voc(Store& store, const ImportRequest& request) {
  Intake intake(store, request, request.path);
  for (const Place& place : find_places(request.path)) import_place(place, request, intake);
  return intake.commit();
}

}  // namespace dlfs
