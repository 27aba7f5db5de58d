// The annotation store: one SQLite file (WAL) that is the hub of the loop, and image files beside it. One writer at a
// time, any number of readers, in any processes; each read is one short transaction. Every change of a label is an event
// with a revision that only grows; an import is one event of its own kind for all that it brought. A file that is not
// ours, is damaged, or holds what could run (views, triggers, generated columns, virtual tables) is refused when it is
// opened: its schema must be ours to the letter, and up to 128 MiB every page and value is checked (a quarter of a second);
// of a larger file they are checked as they are read. One thread a Store; open one for each.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dlfs/data/records.h"
#include "dlfs/data/store/events.h"

namespace dlfs {

class Database;

enum class StoreUse { read, write, create };  // create: make it where it is not there yet, else as write

struct ImageWithBoxes {
  ImageRecord image;
  std::vector<Annotation> annotations = {};  // those that are not deleted, by id
};

struct FileFacts {  // what an audit found out of an image's file; "" and 0 x 0: nothing
  int64_t image = 0;
  std::string sha256;
  Size size;
};

class Store {
 public:
  // Throws FileError where it is no store of ours, of a newer version, damaged, hostile, or not there.
  Store(const std::string& path, StoreUse use);
  ~Store();
  Store(Store&&) noexcept;

  const std::string& path() const;

  // ---- reading ----
  int64_t revision() const;                  // of the last event; 0 where there is none
  std::vector<Category> categories() const;  // by id
  std::vector<ImageFolder> folders() const;  // by id, absolute
  int64_t image_count() const;
  std::optional<ImageRecord> image(int64_t id) const;
  std::optional<ImageWithBoxes> image_with_boxes(int64_t id) const;
  std::vector<ImagePrediction> predictions(int64_t image) const;  // in the order in which they came
  std::vector<LabelEvent> events_after(int64_t revision, int64_t at_most = 10'000) const;
  // Whether another connection has committed since the last call: three microseconds, for those who follow.
  bool changed();

  // Calls `take` with every image and its annotations (deleted ones left out), by image id, in one read transaction;
  // for exports and audits, that end soon.
  void for_each_image(const std::function<void(const ImageWithBoxes&)>& take) const;

  // ---- writing: each call is one transaction, on the disk when it returns ----
  int64_t add_category(const std::string& name);  // or the id of the one that has this name
  // A label is made (id 0), changed (its id) or deleted (its id, deleted = true; all else stays as it is). Gives the
  // event, with its revision. Throws UsageError where there is no such label, image or category.
  LabelEvent put_label(const Annotation& label, const std::string& who);
  void put_predictions(const std::vector<ImagePrediction>& predictions);
  void set_file_facts(const std::vector<FileFacts>& facts);
  // The review queue: an image stands in it once.
  void put_review(int64_t image, double priority, const std::string& reason);
  void drop_review(int64_t image);
  std::vector<int64_t> review_queue(int64_t at_most) const;  // by priority, highest first

  Database& database() const;  // for the rooms of data/store alone

 private:
  std::unique_ptr<Database> database_;
  std::string path_;
};

}  // namespace dlfs
