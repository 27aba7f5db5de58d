// Annotations of other tools, in and out of a store. An import is all or nothing, and a refusal names file and record.
// No path in a file leads out of the image folder. Images without objects stay, as negatives. One thread.
//
//   coco          instances JSON; crowd and segmentation kept as they came
//   coco-results  [{image_id, category_id, bbox, score}], a model's predictions
//   voc           a folder with Annotations/*.xml, ImageSets/Main/{train,val,test}.txt, JPEGImages; 1-based, inclusive
//   yolo          images/ and labels/ with one txt an image, and classes.txt, obj.names or data.yaml for their names
//   folders       CLASS/*.jpg, or {train,val,test}/CLASS/*.jpg: whole-image labels (ImageNet's layout)
//   idx           MNIST's four files, whose images are written to a folder as PNG
//   label-studio  its JSON export (rectanglelabels, choices); out: predictions for its import
//
// Out and in again a row is the same but for what a format has no place for. All: own ids, origin, hash, what was deleted.
// COCO: the split, and labels of whole images. VOC: labels of whole images, ids, masks, crowds, areas other than the box's,
// supercategories, and members of `extra` that VOC does not know. YOLO: as VOC, and all of `extra`. Label Studio: as YOLO,
// and the split; but labels of whole images it has.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dlfs/data/store/import.h"

namespace dlfs {

struct ImportRequest {
  std::string format;               // "coco", "coco-results", "voc", "yolo", "folders", "idx", "label-studio"
  std::string path;                 // a folder in the format's usual layout, or one annotation file
  std::string json = {};            // "": find it (coco: annotations/instances_*.json)
  std::string images = {};          // the folder of the images; "": find it
  std::optional<Split> split = {};  // of all images, where the layout's own names are not to be believed
  std::string model = {};           // coco-results: whose predictions they are
};
struct ImportReport : ImportCounts {
  int64_t empty_images = 0;                        // of the source, without objects
  int64_t missing_files = 0;                       // images whose file is not in its folder
  std::string missing_file = {};                   // one of them
  int64_t left_out = 0;                            // things of the source that no store holds
  std::string left_out_what = {};                  // what kind they are
  int64_t predictions = 0, known_predictions = 0;  // boxes that a model predicted
};
ImportReport import_annotations(Store& store, const ImportRequest& request);

struct ExportRequest {
  std::string format;               // "coco", "coco-results", "voc", "yolo", "label-studio"
  std::string path;                 // the file or folder to make; one that is there already is refused
  std::optional<Split> split = {};  // only these images
  std::string model = {};           // label-studio, coco-results: whose predictions
};
struct ExportCounts {
  int64_t images = 0, annotations = 0;
  int64_t left_out = 0;   // annotations that the format has no place for: whole-image labels, or boxes
  std::string root = {};  // the folder that names of images begin at
};
ExportCounts export_annotations(const Store& store, const ExportRequest& request);

std::vector<std::string> import_formats();
std::vector<std::string> export_formats();

}  // namespace dlfs
