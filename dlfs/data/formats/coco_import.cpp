#include <filesystem>

#include "dlfs/base/error.h"
#include "dlfs/data/formats/coco_file.h"
#include "dlfs/data/formats/intake.h"
#include "dlfs/data/formats/paths.h"

namespace dlfs {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t largest_file = uint64_t{8} << 30;
constexpr std::string_view usual_start = "instances_";

// The names in a folder that is there, made paths.
std::vector<std::string> json_files(const std::string& folder, std::string_view start) {
  std::vector<std::string> found;
  if (!is_folder(folder)) return found;
  for (const std::string& name : names_in(folder, "json"))
    if (name.starts_with(start)) found.push_back(concat(folder, "/", name));
  return found;
}

std::vector<std::string> find_json(const ImportRequest& request) {
  if (!request.json.empty()) return {request.json};
  if (is_file(request.path)) return {request.path};
  for (const std::string& folder : {request.path + "/annotations", request.path})
    if (std::vector<std::string> found = json_files(folder, usual_start); !found.empty()) return found;
  std::vector<std::string> found;  // as Roboflow lays it out
  for (const char* split : {"train", "valid", "val", "test"})
    for (const std::string& json : json_files(concat(request.path, "/", split), "_annotations.coco"))
      found.push_back(json);
  if (!found.empty()) return found;
  throw FileError("coco",
                  concat(request.path,
                         is_folder(request.path) ? ": has no annotations/instances_*.json" : ": is not there",
                         "; name a folder that has, or the file with --json"));
}

// What the file's place says: instances_train2017.json -> train2017, and the folder that annotations/ stands in.
struct Place {
  explicit Place(const std::string& json)
      : root(fs::absolute(json).lexically_normal().parent_path().string()) {
    name = without_ending(file_name(json));
    if (name.starts_with(usual_start)) name.erase(0, usual_start.size());
    split = split_of(name);
    if (!split) split = split_of(file_name(root));
    if (file_name(root) == "annotations") root = fs::path(root).parent_path().string();
  }
  std::string root, name;
  std::optional<Split> split;
};

// Where the first image is; else the first folder that could be meant.
std::string find_images(const Place& place, const std::string& first) {
  const std::string &root = place.root, &name = place.name;
  const std::vector<std::string> candidates = {concat(root, "/", name), concat(root, "/images/", name),
                                               root + "/images", root};
  for (const std::string& folder : candidates)
    if (is_folder(folder) && Folder(folder).has(first)) return folder;
  for (const std::string& folder : candidates)
    if (is_folder(folder)) return folder;
  return root;
}

void import_file(const std::string& json, const ImportRequest& request, Intake& intake) {
  const Bytes bytes = read_file(json, {.max_bytes = largest_file});
  CocoFile file = read_coco(text_of(bytes), json);
  const Place place(json);
  std::vector<int64_t> categories;
  for (const Category& category : file.categories) categories.push_back(intake.category(category));
  intake.folder(!request.images.empty() ? request.images
                                        : find_images(place, file.images.empty() ? "" : file.images[0].path));
  std::vector<Annotation> annotations;  // of one image, used again
  for (size_t i = 0; i < file.images.size(); ++i) {
    annotations.resize(file.starts[i + 1] - file.starts[i]);
    for (size_t k = 0; k < annotations.size(); ++k) {
      CocoAnnotation& from = file.annotations[file.order[file.starts[i] + k]];
      Annotation& to = annotations[k];
      to.category = categories[from.category];
      to.box = from.box;
      to.area = from.area;
      to.crowd = from.crowd;
      to.source_id = from.id;
      to.segmentation = from.segmentation;
      to.extra = std::move(from.extra);
    }
    file.images[i].split = place.split.value_or(Split::none);
    intake.image(std::move(file.images[i]), annotations);
  }
}

}  // namespace

ImportReport import_coco(Store& store, const ImportRequest& request) {
  const std::vector<std::string> files = find_json(request);
  Intake intake(store, request, files.size() == 1 ? files[0] : request.path);
  for (const std::string& json : files) import_file(json, request, intake);
  return intake.commit();
}

}  // namespace dlfs
