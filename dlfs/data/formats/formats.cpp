#include "dlfs/data/formats/formats.h"

#include "dlfs/base/error.h"
#include "dlfs/data/formats/export.h"
#include "dlfs/data/formats/intake.h"
#include "dlfs/data/formats/paths.h"

namespace dlfs {
namespace {

template <typename Deed>
struct Format {
  const char* name;
  Deed deed;
};

using Importer = ImportReport (*)(Store&, const ImportRequest&);
using Exporter = ExportCounts (*)(const Store&, const ExportRequest&);

const std::vector<Format<Importer>>& importers() {
  static const std::vector<Format<Importer>> all = {{"coco", import_coco},
                                                    {"coco-results", import_coco_results},
                                                    {"voc", import_voc},
                                                    {"yolo", import_yolo},
                                                    {"folders", import_class_folders},
                                                    {"idx", import_idx},
                                                    {"label-studio", import_label_studio}};
  return all;
}

const std::vector<Format<Exporter>>& exporters() {
  static const std::vector<Format<Exporter>> all = {{"coco", export_coco},
                                                    {"coco-results", export_coco_results},
                                                    {"voc", export_voc},
                                                    {"yolo", export_yolo},
                                                    {"label-studio", export_label_studio}};
  return all;
}

template <typename Deed>
std::vector<std::string> names(const std::vector<Format<Deed>>& formats) {
  std::vector<std::string> found;
  found.reserve(formats.size());
  for (const Format<Deed>& format : formats) found.emplace_back(format.name);
  return found;
}

template <typename Deed>
Deed find(const std::vector<Format<Deed>>& formats, const std::string& name, const char* verb) {
  for (const Format<Deed>& format : formats)
    if (name == format.name) return format.deed;
  throw UsageError(verb, concat("there is no format ", name, ", but ", join(names(formats), ", ")));
}

}  // namespace

ImportReport import_annotations(Store& store, const ImportRequest& request) {
  // Else none of its images would be there, and a second import from the right folder would be of other images.
  if (!request.images.empty() && request.format != "idx" && !is_folder(request.images))
    throw UsageError(request.format, concat("--images is ", request.images, ", which is no folder"));
  return find(importers(), request.format, "import")(store, request);
}

ExportCounts export_annotations(const Store& store, const ExportRequest& request) {
  return find(exporters(), request.format, "export")(store, request);
}

std::vector<std::string> import_formats() { return names(importers()); }
std::vector<std::string> export_formats() { return names(exporters()); }

}  // namespace dlfs
