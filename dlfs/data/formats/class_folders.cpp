// Images in a folder for each class, as ImageNet's are: {train,val,test}/CLASS/*.jpg, or CLASS/*.jpg.
#include <map>
#include <set>

#include "dlfs/base/error.h"
#include "dlfs/data/formats/intake.h"
#include "dlfs/data/formats/paths.h"

namespace dlfs {
namespace {

struct Part {
  std::string folder;
  Split split = Split::none;
  std::vector<std::string> files = {};
};

// A split's folder has folders and no image: a class may be called train too.
bool holds_classes(const std::string& folder) {
  bool classes = false;
  for (const std::string& name : names_in(folder)) {
    if (is_image_name(name)) return false;
    classes = classes || is_folder(concat(folder, "/", name));
  }
  return classes;
}

// The folders of splits; where there is none, the folder is one part itself.
std::vector<Part> find_parts(const std::string& path) {
  if (!is_folder(path)) throw FileError("folders", path + ": is no folder");
  std::vector<Part> parts;
  std::vector<std::string> others;
  for (const std::string& name : names_in(path)) {
    const std::string folder = concat(path, "/", name);
    if (!is_folder(folder)) continue;
    const std::optional<Split> split = split_of(name);
    if (split && holds_classes(folder))
      parts.push_back({.folder = folder, .split = *split});
    else
      others.push_back(folder);
  }
  if (parts.empty()) return {{.folder = path}};
  for (const std::string& folder : others)  // a class beside splits, or a split without classes?
    if (!images_beneath(folder).files.empty())
      throw FileError("folders",
                      concat(folder, ": holds images beside ", parts[0].folder,
                             ", but is no train, val or test of folders of classes; move it away"));
  return parts;
}

std::string class_of(const std::string& file) {
  const size_t slash = file.find('/');
  return slash == std::string::npos ? "" : file.substr(0, slash);
}

}  // namespace

ImportReport import_class_folders(Store& store, const ImportRequest& request) {
  std::vector<Part> parts = find_parts(request.images.empty() ? request.path : request.images);
  Intake intake(store, request, request.path);
  std::set<std::string> classes;
  for (Part& part : parts) {
    Listing listing = images_beneath(part.folder);
    part.files = std::move(listing.files);
    const auto loose =
        std::erase_if(part.files, [](const std::string& file) { return class_of(file).empty(); });
    intake.leave_out(listing.left_out + static_cast<int64_t>(loose),
                     "files that are no .jpg, .jpeg, .png or .pgm in the folder of a class");
    for (const std::string& file : part.files) classes.insert(class_of(file));
  }
  if (classes.empty()) throw FileError("folders", request.path + ": holds no images in folders of classes");
  std::map<std::string, int64_t> ids;
  for (const std::string& name : classes)
    ids[name] = intake.category({.name = name});  // by name, whatever came first
  for (const Part& part : parts) {
    intake.folder(part.folder);
    for (const std::string& file : part.files) {
      std::vector<Annotation> label = {label_of(ids[class_of(file)], {})};
      intake.image({.path = file, .size = intake.size_of(file), .split = part.split}, label);
    }
  }
  return intake.commit();
}

}  // namespace dlfs
