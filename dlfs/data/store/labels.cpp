#include <algorithm>
#include <cmath>

#include "dlfs/base/error.h"
#include "dlfs/data/store/rows.h"
#include "dlfs/data/store/store.h"

// The half of the store that writes.

namespace dlfs {
namespace {

[[noreturn]] void refuse(const std::string& fact) { throw UsageError("store", fact); }

// Foreign keys hold these too, but say it in no words.
void check_row(Database& database, const char* sql, const char* what, int64_t id) {
  Query query(database, sql, id);
  if (!query.next()) refuse(concat("there is no ", what, " ", id));
}

void check_image(Database& database, int64_t image) {
  check_row(database, "SELECT 1 FROM image WHERE id = ?1", "image", image);
}

void check_category(Database& database, int64_t category) {
  check_row(database, "SELECT 1 FROM category WHERE id = ?1", "category", category);
}

Annotation label_with(Database& database, int64_t id) {
  Query query(database, annotation_by_id, id);
  if (!query.next()) refuse(concat("there is no label ", id));
  return annotation_of(query);
}

LabelEvent add(Database& database, const Annotation& label) {
  if (label.deleted) refuse("a label that is not there cannot be deleted");
  LabelEvent event{.action = LabelAction::add, .image = label.image, .after = label};
  event.after->id = insert(database, label);
  return event;
}

// A deleted label may come back, which adds it.
LabelEvent change(Database& database, const Annotation& label) {
  const Annotation before = label_with(database, label.id);
  if (label.image != before.image)
    refuse(
        concat("label ", label.id, " is of image ", before.image, " and cannot move to image ", label.image));
  update(database, label);
  LabelEvent event{.action = LabelAction::change, .image = label.image, .before = before, .after = label};
  if (before.deleted) event.action = LabelAction::add, event.before.reset();
  return event;
}

LabelEvent remove(Database& database, int64_t id) {
  const Annotation before = label_with(database, id);
  if (before.deleted) refuse(concat("label ", id, " is deleted already"));
  run(database, "UPDATE annotation SET deleted = 1 WHERE id = ?1", id);
  return {.action = LabelAction::remove, .image = before.image, .before = before};
}

}  // namespace

LabelEvent Store::put_label(const Annotation& label, const std::string& who) {
  if (const std::string fault = fault_of(label); !fault.empty()) refuse("a label is refused: " + fault);
  Transaction transaction(*database_, Transaction::Kind::write);
  LabelEvent event;
  if (label.id != 0 && label.deleted) {
    event = remove(*database_, label.id);
  } else {
    check_image(*database_, label.image);
    check_category(*database_, label.category);
    event = label.id == 0 ? add(*database_, label) : change(*database_, label);
  }
  event.who = who;
  append(*database_, event);
  transaction.commit();
  return event;
}

int64_t Store::add_category(const std::string& name) {
  if (name.empty()) refuse("a category needs a name");
  Transaction transaction(*database_, Transaction::Kind::write);
  run(*database_, "INSERT INTO category(name, supercategory) VALUES(?1, '') ON CONFLICT DO NOTHING", name);
  const int64_t id = integer_of(*database_, "SELECT id FROM category WHERE name = ?1", name);
  transaction.commit();
  return id;
}

void Store::put_predictions(const std::vector<ImagePrediction>& predictions) {
  Transaction transaction(*database_, Transaction::Kind::write);
  for (const ImagePrediction& prediction : predictions) {
    check_image(*database_, prediction.image);
    run(*database_, "INSERT INTO prediction(image, model, revision, at_ns) VALUES(?1, ?2, ?3, ?4)",
        prediction.image, prediction.model, prediction.revision, prediction.at_ns);
    const int64_t id = database_->last_id();
    for (const PredictedBox& box : prediction.boxes) {
      if (const std::string fault = fault_of(box); !fault.empty())
        refuse("a prediction is refused: " + fault);
      check_category(*database_, box.category);
      const BoxColumns columns(box.box);
      run(*database_,
          "INSERT INTO predicted_box(prediction, category, x, y, width, height, score) "
          "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
          id, box.category, columns.x, columns.y, columns.width, columns.height, box.score);
    }
  }
  transaction.commit();
}

void Store::set_file_facts(const std::vector<FileFacts>& facts) {
  Transaction transaction(*database_, Transaction::Kind::write);
  for (const auto& [image, sha256, size] : facts) {
    const bool hex = std::all_of(sha256.begin(), sha256.end(),
                                 [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
    if (!hex || (!sha256.empty() && sha256.size() != 64))
      refuse(concat("\"", sha256, "\" is no SHA-256 in 64 lower-case hex digits"));
    if (size.width < 0 || size.height < 0)
      refuse(concat("an image cannot have ", size.width, " x ", size.height, " pixels"));
    check_image(*database_, image);
    const bool sized = size.width > 0 && size.height > 0;
    run(*database_,
        "UPDATE image SET sha256 = coalesce(?2, sha256), width = coalesce(?3, width), "
        "height = coalesce(?4, height) WHERE id = ?1",
        image, or_null(sha256), sized ? std::optional(size.width) : std::nullopt,
        sized ? std::optional(size.height) : std::nullopt);
  }
  transaction.commit();
}

void Store::put_review(int64_t image, double priority, const std::string& reason) {
  if (!std::isfinite(priority))
    refuse(concat("a priority of ", priority, " has no place in the review queue"));
  Transaction transaction(*database_, Transaction::Kind::write);
  check_image(*database_, image);
  run(*database_, "INSERT OR REPLACE INTO review(image, priority, reason) VALUES(?1, ?2, ?3)", image,
      priority, reason);
  transaction.commit();
}

void Store::drop_review(int64_t image) {
  Transaction transaction(*database_, Transaction::Kind::write);
  run(*database_, "DELETE FROM review WHERE image = ?1", image);
  transaction.commit();
}

}  // namespace dlfs
