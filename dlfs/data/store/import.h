// One import into a store, all or nothing: nothing is seen by others before commit(), and nothing is left of an import
// that ends without it. What is in the store already is recognised (categories by name, images by folder and path,
// annotations by their image and source id, or, where the source has no ids, by equal content) and left as it is, so
// importing twice changes nothing. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "dlfs/data/store/store.h"

namespace dlfs {

struct ImportCounts {
  int64_t categories = 0, images = 0, annotations = 0;  // that are new
  int64_t known_images = 0, known_annotations = 0;      // were there already
  int64_t differing = 0;  // known ones that the source has otherwise; the store's stand
  bool operator==(const ImportCounts&) const = default;
};

class Import {
 public:
  // `source` names the format and the file or folder, for the event: "coco /data/instances_train2017.json".
  Import(Store& store, const std::string& source);
  ~Import();  // without commit() all is undone
  Import(const Import&) = delete;
  Import& operator=(const Import&) = delete;

  int64_t folder(
      const std::string& path);  // its id; the path is stored relative to the store where it lies beneath
  int64_t category(const Category& category);  // the id of the one with this name; `id` is ignored
  int64_t image(const ImageRecord& image);     // likewise; `folder` is one of folder()'s ids
  // `image` and `category` are ids that the calls above gave. Annotations of one image come one after another.
  void annotation(const Annotation& annotation);

  // Returns at once with nothing written where all was known.
  ImportCounts commit();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dlfs
