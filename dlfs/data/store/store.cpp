#include "dlfs/data/store/store.h"

#include <algorithm>
#include <filesystem>

#include "dlfs/base/error.h"
#include "dlfs/base/file.h"
#include "dlfs/data/store/rows.h"
#include "dlfs/data/store/schema.h"

namespace dlfs {
namespace {

namespace fs = std::filesystem;

// SQLite would wait for a pipe, and has few words for what is no database.
void check_start(const std::string& path, StoreUse use) {
  std::error_code ignored;
  if (use == StoreUse::create && !fs::exists(path, ignored)) return;
  const FileStart start = read_file_start(path, 16);
  const std::string magic("SQLite format 3\0", 16);
  if (start.size > 0 && text_of(start.bytes) != magic)
    throw FileError("store", path + ": is no annotation store: it is not an SQLite file");
}

}  // namespace

Store::Store(const std::string& path, StoreUse use) : path_(path) {
  check_start(path, use);
  database_ = std::make_unique<Database>(
      path, Database::Access{.write = use != StoreUse::read, .create = use == StoreUse::create});
  if (use == StoreUse::create) create_schema(*database_);
  check_schema(*database_);
  if (use != StoreUse::read)
    run(*database_, "PRAGMA journal_mode = WAL");  // stays so, but some copies lose it
}

Store::~Store() = default;
Store::Store(Store&&) noexcept = default;

const std::string& Store::path() const { return path_; }
Database& Store::database() const { return *database_; }

// ---- reading ----

int64_t Store::revision() const { return last_revision(*database_); }

std::vector<Category> Store::categories() const {
  std::vector<Category> categories;
  Query query(*database_, "SELECT id, name, supercategory, source_id FROM category ORDER BY id");
  for (int64_t last = 0; next_by_id(query, last);)
    categories.push_back({.id = last,
                          .name = std::string(query.text(1)),
                          .supercategory = std::string(query.text(2)),
                          .source_id = query.maybe_integer(3)});
  return categories;
}

std::vector<ImageFolder> Store::folders() const {
  std::vector<ImageFolder> folders;
  Query query(*database_, "SELECT id, path FROM folder ORDER BY id");
  for (int64_t last = 0; next_by_id(query, last);)
    folders.push_back({.id = last, .path = full_folder(*database_, query.text(1))});
  return folders;
}

int64_t Store::image_count() const { return integer_of(*database_, "SELECT count(*) FROM image"); }

std::optional<ImageRecord> Store::image(int64_t id) const {
  Query query(*database_, image_by_id, id);
  return query.next() ? std::optional(image_of(query)) : std::nullopt;
}

std::optional<ImageWithBoxes> Store::image_with_boxes(int64_t id) const {
  Query image(*database_, image_by_id, id);
  if (!image.next()) return {};
  ImageWithBoxes found{.image = image_of(image)};
  // The first query is still open, so this one sees the same moment.
  Query annotation(*database_, live_annotations_of_image, id);
  while (annotation.next()) found.annotations.push_back(annotation_of(annotation));
  return found;
}

void Store::for_each_image(const std::function<void(const ImageWithBoxes&)>& take) const {
  Query image(*database_, images_in_order), annotation(*database_, live_annotations_in_order);
  bool more = annotation.next();
  for (int64_t last_image = 0; next_by_id(image, last_image);) {
    ImageWithBoxes found{.image = image_of(image)};
    for (int64_t last = 0; more && annotation.integer(1) == last_image; more = annotation.next()) {
      check_ascends(annotation, last);
      found.annotations.push_back(annotation_of(annotation));
    }
    take(found);
  }
  if (more) database_->fail(concat("is damaged: annotation ", annotation.integer(0), " has no image"));
}

std::vector<LabelEvent> Store::events_after(int64_t revision, int64_t at_most) const {
  std::vector<LabelEvent> events;
  Query query(*database_,
              "SELECT revision, message FROM label_event WHERE revision > ?1 ORDER BY revision LIMIT ?2",
              revision, std::max<int64_t>(at_most, 0));
  for (int64_t last = revision; next_by_id(query, last);) {
    events.push_back(event_of(query, 1));
    if (events.back().revision != last)
      database_->fail(concat("is damaged: event ", last, " calls itself ", events.back().revision));
  }
  return events;
}

std::vector<ImagePrediction> Store::predictions(int64_t image) const {
  std::vector<ImagePrediction> predictions;
  Query query(*database_, "SELECT id, model, revision, at_ns FROM prediction WHERE image = ?1 ORDER BY id",
              image);
  for (int64_t last = 0; next_by_id(query, last);) {
    ImagePrediction one{.image = image,
                        .model = std::string(query.text(1)),
                        .revision = query.integer(2),
                        .at_ns = query.integer(3)};
    Query box(*database_,
              "SELECT id, category, x, y, width, height, score FROM predicted_box WHERE prediction = ?1 "
              "ORDER BY id",
              last);
    for (int64_t last_box = 0; next_by_id(box, last_box);)
      one.boxes.push_back({.category = box.integer(1), .box = box_of(box, 2), .score = float_of(box, 6)});
    predictions.push_back(std::move(one));
  }
  return predictions;
}

std::vector<int64_t> Store::review_queue(int64_t at_most) const {
  std::vector<int64_t> images;
  Query query(*database_, "SELECT image FROM review ORDER BY priority DESC, image LIMIT ?1",
              std::max<int64_t>(at_most, 0));
  while (query.next()) images.push_back(query.integer(0));
  return images;
}

bool Store::changed() { return database_->changed_by_others(); }

}  // namespace dlfs
