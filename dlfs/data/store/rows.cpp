#include "dlfs/data/store/rows.h"

#include <cmath>
#include <filesystem>
#include <limits>

#include "dlfs/base/clock.h"
#include "dlfs/base/error.h"
#include "dlfs/base/text.h"

namespace dlfs {

// SQLite gives images of one folder and path no second row, and annotations by image in the order of their ids.
#define IMAGE "SELECT id, folder, path, width, height, split, sha256, source_id, extra FROM image "
#define ANNOTATION                                                                    \
  "SELECT a.id, image, category, x, y, width, height, area, crowd, origin, deleted, " \
  "source_id, segmentation, extra FROM annotation AS a LEFT JOIN detail AS d ON d.annotation = a.id "

const char* const image_by_id = IMAGE "WHERE id = ?1";
const char* const image_by_path = IMAGE "WHERE folder = ?1 AND path = ?2";
const char* const images_in_order = IMAGE "ORDER BY id";
const char* const annotation_by_id = ANNOTATION "WHERE a.id = ?1";
const char* const annotations_of_image = ANNOTATION "WHERE image = ?1 ORDER BY a.id";
const char* const live_annotations_of_image = ANNOTATION "WHERE image = ?1 AND deleted = 0 ORDER BY a.id";
const char* const live_annotations_in_order = ANNOTATION "WHERE deleted = 0 ORDER BY image, a.id";

static std::string fault_of(const std::optional<BoundingBox>& box) {
  if (!box) return "";
  for (const float value : {box->x, box->y, box->width, box->height}) {
    if (!std::isfinite(value)) return concat("its box has the number ", value, ", which is not finite");
  }
  return "";
}

std::string fault_of(const Annotation& annotation) {
  if (!std::isfinite(annotation.area))
    return concat("its area is ", annotation.area, ", which is not finite");
  if (annotation.origin > Origin::model)
    return concat("its origin has the unknown number ", static_cast<int>(annotation.origin));
  return fault_of(annotation.box);
}

std::string fault_of(const PredictedBox& box) {
  if (!std::isfinite(box.score)) return concat("its score is ", box.score, ", which is not finite");
  return fault_of(box.box);
}

Size size_of(const Query& row, int first) {
  constexpr int most = std::numeric_limits<int>::max();
  return {.width = static_cast<int>(row.within(first, most)),
          .height = static_cast<int>(row.within(first + 1, most))};
}

Split split_of(const Query& row, int column) {
  return static_cast<Split>(row.within(column, static_cast<int64_t>(Split::none)));
}

void check_ascends(const Query& row, int64_t& last) {
  const int64_t id = row.integer(0);
  if (id <= last) row.database().fail(concat("is damaged: row ", id, " comes after row ", last));
  last = id;
}

bool next_by_id(Query& row, int64_t& last) {
  if (!row.next()) return false;
  check_ascends(row, last);
  return true;
}

ImageRecord image_of(const Query& row) {
  return {.id = row.integer(0),
          .folder = row.integer(1),
          .path = std::string(row.text(2)),
          .size = size_of(row, 3),
          .split = split_of(row, 5),
          .sha256 = std::string(row.maybe_text(6)),
          .source_id = row.maybe_integer(7),
          .extra = std::string(row.maybe_text(8))};
}

Annotation annotation_of(const Query& row) {
  Annotation annotation{.id = row.integer(0),
                        .image = row.integer(1),
                        .category = row.integer(2),
                        .box = box_of(row, 3),
                        .area = row.real(7),
                        .crowd = row.within(8, 1) == 1,
                        .origin = static_cast<Origin>(row.within(9, static_cast<int64_t>(Origin::model))),
                        .deleted = row.within(10, 1) == 1,
                        .source_id = row.maybe_integer(11),
                        .segmentation = std::string(row.maybe_text(12)),
                        .extra = std::string(row.maybe_text(13))};
  if (const std::string fault = fault_of(annotation); !fault.empty())
    row.database().fail(concat("is damaged: annotation ", annotation.id, ": ", fault));
  return annotation;
}

BoxColumns::BoxColumns(const std::optional<BoundingBox>& box) {
  if (box) x = box->x, y = box->y, width = box->width, height = box->height;
}

std::optional<std::string_view> or_null(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional<std::string_view>(text);
}

float float_of(const Query& row, int column) {
  const double value = row.real(column);
  if (!(std::abs(value) <= std::numeric_limits<float>::max())) {  // catches NaN, too
    row.database().fail(concat("is damaged: a box has the number ", value));
  }
  return static_cast<float>(value);
}

std::optional<BoundingBox> box_of(const Query& row, int first) {
  if (row.null(first) && row.null(first + 1) && row.null(first + 2) && row.null(first + 3)) return {};
  return BoundingBox{.x = float_of(row, first),
                     .y = float_of(row, first + 1),
                     .width = float_of(row, first + 2),
                     .height = float_of(row, first + 3)};
}

static void insert_detail(Database& database, int64_t id, const Annotation& annotation) {
  if (annotation.segmentation.empty() && annotation.extra.empty()) return;
  run(database, "INSERT INTO detail VALUES(?1, ?2, ?3)", id, annotation.segmentation, annotation.extra);
}

int64_t insert(Database& database, const Annotation& annotation) {
  const BoxColumns box(annotation.box);
  run(database,
      "INSERT INTO annotation(image, category, x, y, width, height, area, crowd, origin, deleted, source_id) "
      "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
      annotation.image, annotation.category, box.x, box.y, box.width, box.height, annotation.area,
      annotation.crowd, annotation.origin, annotation.deleted, annotation.source_id);
  const int64_t id = database.last_id();
  insert_detail(database, id, annotation);
  return id;
}

void update(Database& database, const Annotation& annotation) {
  const BoxColumns box(annotation.box);
  run(database,
      "UPDATE annotation SET category = ?2, x = ?3, y = ?4, width = ?5, height = ?6, area = ?7, crowd = ?8, "
      "origin = ?9, deleted = ?10, source_id = ?11 WHERE id = ?1",
      annotation.id, annotation.category, box.x, box.y, box.width, box.height, annotation.area,
      annotation.crowd, annotation.origin, annotation.deleted, annotation.source_id);
  run(database, "DELETE FROM detail WHERE annotation = ?1", annotation.id);
  insert_detail(database, annotation.id, annotation);
}

int64_t last_revision(Database& database) {
  constexpr int64_t most = int64_t{1} << 62;  // a stranger's file may say anything
  Query query(database, "SELECT seq FROM sqlite_sequence WHERE name = 'label_event'");
  return query.next() ? query.within(0, most) : 0;
}

LabelEvent event_of(const Query& row, int column) {
  try {
    return decode_label_event(row.blob(column));
  } catch (const FileError& error) {
    row.database().fail("is damaged: " + error.fact());
  }
}

void append(Database& database, LabelEvent& event) {
  event.at_ns = nanoseconds_now();
  event.revision = last_revision(database) + 1;
  run(database,
      "INSERT INTO label_event(revision, at_ns, who, action, image, message) VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
      event.revision, event.at_ns, event.who, event.action, event.image, encode(event));
}

static std::filesystem::path home_of(const Database& database) {
  return std::filesystem::weakly_canonical(std::filesystem::absolute(database.path())).parent_path();
}

std::string stored_folder(const Database& database, const std::string& path) {
  auto full = std::filesystem::weakly_canonical(std::filesystem::absolute(path));
  if (!full.has_filename()) full = full.parent_path();  // "images/"
  const auto beneath = full.lexically_relative(home_of(database));
  return beneath.empty() || *beneath.begin() == ".." ? full.string() : beneath.string();
}

std::string full_folder(const Database& database, std::string_view stored) {
  const auto path = std::filesystem::path(stored).lexically_normal();
  if (path.empty() || *path.begin() == "..")
    database.fail(
        concat("is not to be trusted: its folder \"", stored, "\" lies outside of the store's own"));
  if (path.is_absolute()) return path.string();
  const auto home = home_of(database);
  return (path == "." ? home : home / path).string();
}

}  // namespace dlfs
