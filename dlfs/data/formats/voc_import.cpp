#include <algorithm>
#include <unordered_map>

#include "dlfs/base/error.h"
#include "dlfs/data/formats/intake.h"
#include "dlfs/data/formats/paths.h"
#include "dlfs/data/formats/voc.h"

namespace dlfs {
namespace {

struct Place {
  std::string annotations, images, lists;  // folders; lists may not be there
  std::optional<Split> split;
};

bool holds_xml(const std::string& folder) {
  if (!is_folder(folder)) return false;
  const std::vector<std::string> names = names_in(folder);
  return std::any_of(names.begin(), names.end(),
                     [](const std::string& name) { return ends_with(name, "xml"); });
}

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
      places.push_back({.annotations = folder, .images = folder, .lists = "", .split = split_of(name)});
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
             .lists = root + "/ImageSets/Main",
             .split = {}}};
  }
  if (places.empty() && holds_xml(path))
    places.push_back({.annotations = path, .images = path, .lists = "", .split = {}});
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

std::vector<Annotation> annotations_of(VocFile&& file, Intake& intake) {
  std::vector<Annotation> annotations;
  for (VocObject& object : file.objects) {
    Annotation& to = annotations.emplace_back();
    to.category = intake.category(object.name);
    to.box = object.box;
    to.area = double{object.box.width} * double{object.box.height};
    to.extra = std::move(object.extra);
  }
  return annotations;
}

void import_place(const Place& place, const ImportRequest& request, Intake& intake) {
  const Folder folder(place.annotations);
  const auto splits = read_lists(place.lists);
  intake.folder(request.images.empty() ? place.images : request.images);
  for (const std::string& name : names_in(place.annotations)) {
    if (!ends_with(name, "xml")) continue;
    const Bytes bytes = folder.read(name, {.max_bytes = uint64_t{16} << 20});
    VocFile file = parse_voc(text_of(bytes), concat(place.annotations, "/", name));
    const std::string stem = without_ending(name);
    ImageRecord image;
    image.path = path_of(file, stem, intake);
    image.size = file.size;
    if (image.size.width == 0 || image.size.height == 0) image.size = intake.size_of(image.path);
    const auto split = splits.find(stem);
    image.split = place.split ? *place.split : split != splits.end() ? split->second : Split::none;
    std::vector<Annotation> annotations = annotations_of(std::move(file), intake);
    intake.image(std::move(image), annotations);
  }
}

}  // namespace

ImportReport import_voc(Store& store, const ImportRequest& request) {
  Intake intake(store, request, request.path);
  for (const Place& place : find_places(request.path)) import_place(place, request, intake);
  return intake.commit();
}

}  // namespace dlfs
