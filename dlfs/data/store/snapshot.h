// All that training needs of a store, read in one short transaction and held in columns: some 40 bytes an image and 30 a
// box. A snapshot can then follow the store: apply() the events after its revision. One thread writes, any read.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dlfs/data/store/store.h"

namespace dlfs {

struct SnapshotBox {
  BoundingBox box;
  int32_t label = 0;  // the index of its category: categories by id, from 0
  bool crowd = false;
  int64_t id = 0;
  bool operator==(const SnapshotBox&) const = default;
};

class Snapshot {
 public:
  explicit Snapshot(const Store& store);

  int64_t revision() const { return revision_; }
  const std::vector<Category>& categories() const { return categories_; }
  const std::vector<ImageFolder>& folders() const { return folders_; }

  size_t size() const { return ids_.size(); }  // images, by id; each is named by its index below
  int64_t id(size_t image) const { return ids_[image]; }
  uint32_t folder(size_t image) const { return folder_index_[image]; }  // index in folders()
  std::string_view path(size_t image) const;
  Size image_size(size_t image) const { return sizes_[image]; }
  Split split(size_t image) const { return splits_[image]; }
  int32_t label(size_t image) const { return labels_[image]; }  // of the whole image; -1 for none
  std::span<const SnapshotBox> boxes(size_t image) const;

  // What happened since. An import asks for a new snapshot: then the result is false and nothing is changed.
  bool apply(std::span<const LabelEvent> events);

 private:
  int64_t revision_ = 0;
  std::vector<Category> categories_;
  std::vector<ImageFolder> folders_;
  std::vector<int64_t> ids_;
  std::vector<uint32_t> folder_index_;
  std::vector<Size> sizes_;
  std::vector<Split> splits_;
  std::vector<int32_t> labels_;
  std::vector<uint32_t> path_ends_;
  std::string paths_;
  std::vector<uint32_t> box_ends_;
  std::vector<SnapshotBox> boxes_;
  std::unordered_map<size_t, std::vector<SnapshotBox>> changed_;  // of images that events touched
};

}  // namespace dlfs
