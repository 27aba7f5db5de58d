#include "dlfs/data/formats/intake.h"

#include <simdjson.h>

#include <filesystem>

#include "dlfs/base/error.h"
#include "dlfs/data/codec/decode.h"
#include "dlfs/data/formats/paths.h"

namespace dlfs {
namespace {

constexpr size_t usual_header = size_t{64} << 10;

std::string source_text(const ImportRequest& request, const std::string& source) {
  return concat(request.format, " ", std::filesystem::absolute(source).lexically_normal().string());
}

}  // namespace

Intake::Intake(Store& store, const ImportRequest& request, const std::string& source)
    : format_(request.format), import_(store, source_text(request, source)), split_(request.split) {}

// An export would write it otherwise.
void Intake::refuse_unless_utf8(const char* what, const std::string& name) const {
  if (!simdjson::validate_utf8(name.data(), name.size()))
    throw FileError(format_,
                    concat("the ", what, " ", quoted(name), " has a name that is not UTF-8: rename it"));
}

int64_t Intake::category(const Category& category) {
  refuse_unless_utf8("category", category.name);
  return import_.category(category);
}

void Intake::folder(const std::string& path) {
  folder_.reset();
  if (is_folder(path)) folder_.emplace(path);
  folder_id_ = import_.folder(std::filesystem::absolute(path).lexically_normal().string());
}

Size Intake::size_of(const std::string& path) const {
  if (!has(path)) return {};
  const FileStart start = folder_->read_start(path, usual_header);
  try {
    return inspect_image(start.bytes, path).size;
  } catch (const FileError&) {
    if (start.bytes.size() == start.size) return {};
  }
  try {  // what stands before the size may be long: a profile, a preview
    return inspect_image(folder_->read(path), path).size;
  } catch (const FileError&) {
    return {};
  }
}

void Intake::image(ImageRecord image, std::vector<Annotation>& annotations) {
  refuse_unless_utf8("file", image.path);
  image.folder = folder_id_;
  if (split_) image.split = *split_;
  if (annotations.empty()) ++report_.empty_images;
  if (!has(image.path) && report_.missing_files++ == 0) report_.missing_file = image.path;
  const int64_t id = import_.image(image);
  for (Annotation& annotation : annotations) {
    annotation.image = id;
    import_.annotation(annotation);
  }
}

void Intake::leave_out(int64_t count, const std::string& what) {
  if (count == 0) return;
  report_.left_out += count;
  std::string& all = report_.left_out_what;
  if (all.find(what) == std::string::npos) all += (all.empty() ? "" : ", and ") + what;
}

Annotation label_of(int64_t category, const std::optional<BoundingBox>& box) {
  return {.category = category, .box = box, .area = box ? area(*box) : 0};
}

ImportReport Intake::commit() {
  static_cast<ImportCounts&>(report_) = import_.commit();
  return report_;
}

}  // namespace dlfs
