#include "dlfs/data/formats/export.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <limits>

#include "dlfs/base/error.h"

namespace dlfs {
namespace {

namespace fs = std::filesystem;

fs::path common_folder(const fs::path& a, const fs::path& b) {
  fs::path common;
  for (auto one = a.begin(), other = b.begin(); one != a.end() && other != b.end() && *one == *other;
       ++one, ++other)
    common /= *one;
  return common;
}

}  // namespace

void SourceIds::add(int64_t id, std::optional<int64_t> source_id) {
  if (source_id && taken_.insert(*source_id).second)
    last_ = std::max(last_, *source_id);
  else
    source_id.reset();
  ids_.emplace(id, source_id);
}

int64_t SourceIds::of(int64_t id) {
  std::optional<int64_t>& given = ids_.at(id);
  while (!given) {
    last_ = last_ == std::numeric_limits<int64_t>::max() ? 1 : last_ + 1;
    if (taken_.insert(last_).second) given = last_;
  }
  return *given;
}

Selection::Selection(const Store& store, const ExportRequest& request)
    : store_(store), categories_(store.categories()) {
  for (const Category& category : categories_) category_ids.add(category.id, category.source_id);
  std::unordered_set<int64_t> used;
  store.for_each_image([&](const ImageWithBoxes& found) {
    if (request.split && found.image.split != *request.split) return;
    used.insert(found.image.folder);
    image_ids.add(found.image.id, found.image.source_id);
    for (const Annotation& annotation : found.annotations)
      annotation_ids.add(annotation.id, annotation.source_id);
  });
  std::unordered_map<int64_t, fs::path> paths;
  for (const ImageFolder& folder : store.folders())
    if (used.contains(folder.id)) paths[folder.id] = folder.path;
  if (paths.empty())
    throw FileError(request.format,
                    concat(store.path(), ": has no images",
                           request.split ? " for " + to_string(*request.split) : "", " to export"));
  fs::path root = paths.begin()->second;
  for (const auto& [id, path] : paths) root = common_folder(root, path);
  root_ = root.string();
  for (const auto& [id, path] : paths) {
    const std::string start = path.lexically_relative(root).string();
    starts_[id] = start == "." ? "" : start + "/";
  }
}

void Selection::for_each(const std::function<void(const ImageWithBoxes&)>& take) const {
  store_.for_each_image([&](const ImageWithBoxes& found) {
    if (!image_ids.has(found.image.id)) return;
    const auto is_new = [&](const Annotation& annotation) { return !annotation_ids.has(annotation.id); };
    if (std::none_of(found.annotations.begin(), found.annotations.end(), is_new)) return take(found);
    ImageWithBoxes before = found;
    std::erase_if(before.annotations, is_new);
    take(before);
  });
}

std::string Selection::name(const ImageRecord& image) const { return starts_.at(image.folder) + image.path; }

size_t Selection::category_index(int64_t id) const {
  const std::optional<size_t> found = place_of(categories_, id);
  if (!found)
    throw FileError("export", concat(store_.path(), ": has no category ", id, ", but an annotation of it"));
  return *found;
}

const Category& Selection::category(int64_t id) const { return categories_[category_index(id)]; }

std::vector<PredictedBox> last_predicted(const Store& store, int64_t image, const std::string& model) {
  std::vector<PredictedBox> boxes;
  for (ImagePrediction& prediction : store.predictions(image))
    if (prediction.model == model) boxes = std::move(prediction.boxes);
  return boxes;
}

void refuse_unknown_model(const Store& store, const ExportRequest& request) {
  throw FileError(request.format, concat(store.path(), ": has no predictions of a model called ",
                                         request.model, " in these images"));
}

std::string new_path(const std::string& path) {
  std::error_code ignored;
  if (path.empty() || fs::exists(fs::symlink_status(path, ignored)))
    throw FileError("export", path + ": is there already; name one that is not");
  const std::string parent = fs::path(path).parent_path().string();
  if (!parent.empty()) make_directories(parent);
  return path;
}

NewFolder::NewFolder(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  path_ = new_path(path);
  aside_ = concat(path_, ".", ::getpid(), ".tmp");
  if (::mkdir(aside_.c_str(), 0777) != 0) fail_to(path_, "make the folder", errno);
}

NewFolder::~NewFolder() {
  std::error_code ignored;
  if (!done_) fs::remove_all(aside_, ignored);
}

void NewFolder::write(const std::string& name, std::string_view text) const {
  const std::string path = concat(aside_, "/", name);
  make_directories(fs::path(path).parent_path().string());
  write_new(path, text);
}

void NewFolder::commit() {
  // All of its file system: one call for however many files.
  const Descriptor folder(::open(aside_.c_str(), O_RDONLY | O_CLOEXEC));
  if (folder.number() < 0 || ::syncfs(folder.number()) != 0) fail_to(path_, "write", errno);
  put_in_place(aside_, path_, Old::refuse);
  done_ = true;
}

}  // namespace dlfs
