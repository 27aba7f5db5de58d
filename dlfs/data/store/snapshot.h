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
  int32_t label(size_t image) const;  // of the whole image, the first where there are several; -1 for none
  std::span<const SnapshotBox> boxes(size_t image) const { return boxes_.of(image); }  // by id

  // What happened since. An import, and an image or category that was not there yet, ask for a new snapshot: then the
  // result is false and nothing is changed.
  bool apply(std::span<const LabelEvent> events);

 private:
  struct WholeLabel {
    int64_t id = 0;
    int32_t label = 0;
  };

  // What images have several of: those of image i end at ends[i], or stand in `changed` once an event touched them.
  template <typename Value>
  struct Rows {
    std::vector<uint32_t> ends;
    std::vector<Value> values;
    std::unordered_map<size_t, std::vector<Value>> changed;

    std::span<const Value> of(size_t image) const {
      if (const auto found = changed.find(image); found != changed.end()) return found->second;
      const size_t begin = image == 0 ? 0 : ends[image - 1];
      return {values.data() + begin, ends[image] - begin};
    }
    void replace(size_t image, int64_t id, const Value* value);
  };

  void read_images(Database& database);
  void read_annotations(Database& database);
  std::optional<size_t> index_of(int64_t image) const;
  std::optional<int32_t> label_of(int64_t category) const;
  bool knows(const LabelEvent& event) const;

  int64_t revision_ = 0;
  std::vector<Category> categories_;
  std::vector<ImageFolder> folders_;
  std::vector<int64_t> ids_;
  std::vector<uint32_t> folder_index_;
  std::vector<Size> sizes_;
  std::vector<Split> splits_;
  std::vector<uint32_t> path_ends_;
  std::string paths_;
  Rows<SnapshotBox> boxes_;
  Rows<WholeLabel> wholes_;
};

}  // namespace dlfs
