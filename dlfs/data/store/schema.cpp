#include "dlfs/data/store/schema.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "dlfs/base/error.h"
#include "dlfs/base/text.h"

namespace dlfs {
namespace {

constexpr int64_t application_id = 0x444C4653;  // "DLFS"
constexpr int64_t version = 1;
constexpr uintmax_t checked_bytes = uintmax_t{128} << 20;
constexpr std::chrono::seconds most_time(10);

struct Object {
  const char* name;
  const char* sql;
};

// An id is a row's own, from 1; source_id is what an import called it. Annotation rows are narrow, since training reads
// them all; what only exports need lies in `detail`. A box of four NULLs labels the whole image.
constexpr std::array objects = {
    // Of the store as a whole.
    Object{"meta", "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT"},
    Object{"folder", "CREATE TABLE folder(id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE) STRICT"},
    Object{"category",
           "CREATE TABLE category(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, "
           "supercategory TEXT NOT NULL, source_id INTEGER) STRICT"},
    Object{"image",
           "CREATE TABLE image(id INTEGER PRIMARY KEY, folder INTEGER NOT NULL REFERENCES folder, "
           "path TEXT NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL, split INTEGER NOT NULL, "
           "sha256 TEXT, source_id INTEGER, extra TEXT, UNIQUE(folder, path)) STRICT"},
    Object{"annotation",
           "CREATE TABLE annotation(id INTEGER PRIMARY KEY, image INTEGER NOT NULL REFERENCES image, "
           "category INTEGER NOT NULL REFERENCES category, x REAL, y REAL, width REAL, height REAL, "
           "area REAL NOT NULL, crowd INTEGER NOT NULL, origin INTEGER NOT NULL, deleted INTEGER NOT NULL, "
           "source_id INTEGER) STRICT"},
    Object{"annotation_image", "CREATE INDEX annotation_image ON annotation(image)"},
    Object{"detail",
           "CREATE TABLE detail(annotation INTEGER PRIMARY KEY REFERENCES annotation, "
           "segmentation TEXT NOT NULL, extra TEXT NOT NULL) STRICT"},
    Object{
        "label_event",  // message: the LabelEvent of schema/events.fbs
        "CREATE TABLE label_event(revision INTEGER PRIMARY KEY AUTOINCREMENT, at_ns INTEGER NOT NULL, "
        "who TEXT NOT NULL, action INTEGER NOT NULL, image INTEGER NOT NULL, message BLOB NOT NULL) STRICT"},
    Object{"label_event_image", "CREATE INDEX label_event_image ON label_event(image)"},
    Object{"prediction",
           "CREATE TABLE prediction(id INTEGER PRIMARY KEY, image INTEGER NOT NULL REFERENCES image, "
           "model TEXT NOT NULL, revision INTEGER NOT NULL, at_ns INTEGER NOT NULL) STRICT"},
    Object{"prediction_image", "CREATE INDEX prediction_image ON prediction(image)"},
    Object{"predicted_box",
           "CREATE TABLE predicted_box(id INTEGER PRIMARY KEY, "
           "prediction INTEGER NOT NULL REFERENCES prediction, "
           "category INTEGER NOT NULL REFERENCES category, x REAL, y REAL, width REAL, height REAL, "
           "score REAL NOT NULL) STRICT"},
    Object{"predicted_box_prediction", "CREATE INDEX predicted_box_prediction ON predicted_box(prediction)"},
    Object{"review",
           "CREATE TABLE review(image INTEGER PRIMARY KEY REFERENCES image, priority REAL NOT NULL, "
           "reason TEXT NOT NULL) STRICT"},
    Object{"review_priority", "CREATE INDEX review_priority ON review(priority)"}};

bool is_empty(Database& database) {
  return integer_of(database, "PRAGMA application_id") == 0 &&
         integer_of(database, "SELECT count(*) FROM sqlite_schema") == 0;
}

void check_objects(Database& database) {
  Query query(database, "SELECT type, name, coalesce(sql, '') FROM sqlite_schema");
  size_t found = 0;
  while (query.next()) {
    const std::string_view name = query.text(1), sql = query.text(2);
    if (name == "sqlite_sequence" || (sql.empty() && name.starts_with("sqlite_autoindex_"))) continue;
    const auto* ours =
        std::find_if(objects.begin(), objects.end(), [&](const Object& o) { return o.name == name; });
    if (ours == objects.end() || sql != ours->sql) {
      database.fail(concat("is not to be trusted: its ", query.text(0), " \"", name,
                           "\" is not as dlfs makes it (", cut(std::string(sql), 200),
                           "); import the data again"));
    }
    ++found;
  }
  if (found != objects.size())
    database.fail(
        concat("is damaged: ", found, " of a store's ", objects.size(), " tables and indices are there"));
}

void quick_check(Database& database) {
  Query query(database, "PRAGMA quick_check(1)");
  if (!query.next() || query.text(0) != "ok")
    database.fail(concat("is damaged (", query.text(0), "): use a copy, or import again"));
}

}  // namespace

void create_schema(Database& database) {
  if (!is_empty(database)) return;
  Transaction transaction(database, Transaction::Kind::write);
  if (!is_empty(database)) return;  // another was quicker
  for (const Object& object : objects) run(database, object.sql);
  run(database, "PRAGMA application_id = 1145849427");
  run(database, "PRAGMA user_version = 1");
  transaction.commit();
}

void check_schema(Database& database) {
  database.limit_time(most_time);
  const int64_t application = integer_of(database, "PRAGMA application_id");
  if (application != application_id)
    database.fail(is_empty(database) ? "is empty, and no annotation store yet: import into it"
                                     : concat("is no annotation store of dlfs: its application id is ",
                                              application, ", not ", application_id));
  const int64_t found = integer_of(database, "PRAGMA user_version");
  if (found != version)
    database.fail(concat("is a store of version ", found, ", but this dlfs reads version ", version,
                         found > version ? ": use a newer dlfs" : ""));
  check_objects(database);
  std::error_code ignored;
  if (std::filesystem::file_size(database.path(), ignored) <= checked_bytes) quick_check(database);
  database.limit_time({});
}

}  // namespace dlfs
