#include "dlfs/data/formats/formats.h"

#include <array>

#include "dlfs/base/error.h"
#include "dlfs/data/formats/export.h"
#include "dlfs/data/formats/intake.h"
#include "dlfs/data/formats/paths.h"

namespace dlfs {
namespace {

struct Format {
  const char* name;
  ImportReport (*import_into)(Store&, const ImportRequest&);
  ExportCounts (*export_from)(const Store&, const ExportRequest&);  // null: it only comes in
};

constexpr std::array formats = {Format{"coco", import_coco, export_coco},
                                Format{"coco-results", import_coco_results, export_coco_results},
                                Format{"voc", import_voc, export_voc},
                                Format{"yolo", import_yolo, export_yolo},
                                Format{"folders", import_class_folders, nullptr},
                                Format{"idx", import_idx, nullptr},
                                Format{"label-studio", import_label_studio, export_label_studio}};

// Of the formats that are able to do the deed.
template <typename Deed>
std::vector<std::string> names(Deed Format::*deed) {
  std::vector<std::string> found;
  for (const Format& format : formats)
    if (format.*deed != nullptr) found.emplace_back(format.name);
  return found;
}

template <typename Deed>
Deed find(Deed Format::*deed, const std::string& name, const char* verb) {
  for (const Format& format : formats)
    if (name == format.name && format.*deed != nullptr) return format.*deed;
  throw UsageError(verb, concat("there is no format ", name, ", but ", join(names(deed), ", ")));
}

}  // namespace

ImportReport import_annotations(Store& store, const ImportRequest& request) {
  // Else none of its images would be there, and a second import from the right folder would be of other images.
  if (!request.images.empty() && request.format != "idx" && !is_folder(request.images))
    throw UsageError(request.format, concat("--images is ", request.images, ", which is no folder"));
  return find(&Format::import_into, request.format, "import")(store, request);
}

ExportCounts export_annotations(const Store& store, const ExportRequest& request) {
  return find(&Format::export_from, request.format, "export")(store, request);
}

std::vector<std::string> import_formats() { return names(&Format::import_into); }
std::vector<std::string> export_formats() { return names(&Format::export_from); }

}  // namespace dlfs
