// What all importers share: an Import, the report of it, and a place that each refusal names. One thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dlfs/base/folder.h"
#include "dlfs/data/formats/formats.h"

namespace dlfs {

class Intake {
 public:
  // `source`: the file or folder that is imported, for the event of it.
  Intake(Store& store, const ImportRequest& request, const std::string& source);

  int64_t category(const Category& category);

  // Images that follow lie in it. It need not be there: then none of their files is.
  void folder(const std::string& path);
  bool has(const std::string& path) const { return folder_ && folder_->has(path); }
  // The upright size as the file's header says it, or 0 x 0 where there is no file, or none that can be read.
  Size size_of(const std::string& path) const;

  // With all that is known of it. Folder and image are filled in; the request's split is stronger than the image's.
  void image(ImageRecord image, std::vector<Annotation>& annotations);
  // Things of the source that no store holds.
  void leave_out(int64_t count, const std::string& what);

  ImportReport commit();

 private:
  void refuse_unless_utf8(const char* what, const std::string& name) const;

  std::string format_;
  Import import_;
  ImportReport report_;
  std::optional<Split> split_;
  std::optional<Folder> folder_;
  int64_t folder_id_ = 0;
};

// A label of this category, of a box or of the whole image.
Annotation label_of(int64_t category, const std::optional<BoundingBox>& box);

// The importers, by format.
ImportReport import_coco(Store& store, const ImportRequest& request);
ImportReport import_coco_results(Store& store, const ImportRequest& request);
ImportReport import_voc(Store& store, const ImportRequest& request);
ImportReport import_yolo(Store& store, const ImportRequest& request);
ImportReport import_class_folders(Store& store, const ImportRequest& request);
ImportReport import_idx(Store& store, const ImportRequest& request);
ImportReport import_label_studio(Store& store, const ImportRequest& request);

}  // namespace dlfs
