// What all exporters share: which images go out, under which names and ids, and a place that is seen under its name when
// all is there. One thread.
#pragma once

#include <functional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "dlfs/base/file.h"
#include "dlfs/data/formats/formats.h"

namespace dlfs {

// The source's own ids where no earlier row has the same; others get the next ones above all of them.
class SourceIds {
 public:
  void add(int64_t id, std::optional<int64_t> source_id);  // every row, first
  int64_t of(int64_t id);                                  // then
  bool has(int64_t id) const { return ids_.contains(id); }

 private:
  std::unordered_map<int64_t, std::optional<int64_t>> ids_;  // nothing: not given yet
  std::unordered_set<int64_t> taken_;
  int64_t last_ = 0;
};

// The images of the request's split. What comes into the store after it was made is not in it.
class Selection {
 public:
  Selection(const Store& store, const ExportRequest& request);

  // With their annotations, by id.
  void for_each(const std::function<void(const ImageWithBoxes&)>& take) const;

  // An image's path from root(), which is its folder where all lie in one, else the deepest folder that holds all.
  std::string name(const ImageRecord& image) const;
  const std::string& root() const { return root_; }
  const std::vector<Category>& categories() const { return categories_; }
  const Category& category(int64_t id) const;  // throws FileError where there is none
  size_t category_index(int64_t id) const;     // likewise; from 0, by id

  SourceIds image_ids, annotation_ids, category_ids;

 private:
  const Store& store_;
  std::string root_;
  std::unordered_map<int64_t, std::string> starts_;  // by folder: "" or "train2017/"
  std::vector<Category> categories_;
};

// What a model found in an image when it last looked.
std::vector<PredictedBox> last_predicted(const Store& store, int64_t image, const std::string& model);
[[noreturn]] void refuse_unknown_model(const Store& store, const ExportRequest& request);

// For a NewFile: the path, whose folder is made if need be. Throws where something is there: nothing is replaced.
std::string new_path(const std::string& path);

class NewFolder {
 public:
  explicit NewFolder(std::string path);
  ~NewFolder();  // without commit() nothing is left
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;

  void write(const std::string& name, std::string_view text) const;  // name: a/b.txt; no name twice
  void commit();

 private:
  std::string path_, aside_;
  bool done_ = false;
};

ExportCounts export_coco(const Store& store, const ExportRequest& request);
ExportCounts export_coco_results(const Store& store, const ExportRequest& request);
ExportCounts export_voc(const Store& store, const ExportRequest& request);
ExportCounts export_yolo(const Store& store, const ExportRequest& request);
ExportCounts export_label_studio(const Store& store, const ExportRequest& request);

}  // namespace dlfs
