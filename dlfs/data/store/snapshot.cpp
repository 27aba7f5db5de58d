#include "dlfs/data/store/snapshot.h"

#include <algorithm>
#include <limits>

#include "dlfs/base/text.h"
#include "dlfs/data/store/rows.h"

namespace dlfs {
namespace {

size_t count(Database& database, const char* sql) {
  Query query(database, sql);
  query.next();
  return static_cast<size_t>(query.within(0, std::numeric_limits<uint32_t>::max()));
}

}  // namespace

Snapshot::Snapshot(const Store& store) {
  Database& database = store.database();
  Transaction moment(database, Transaction::Kind::read);
  revision_ = store.revision();
  categories_ = store.categories();
  folders_ = store.folders();
  read_images(database);
  read_annotations(database);
}

void Snapshot::read_images(Database& database) {
  const size_t images = count(database, "SELECT count(*) FROM image");
  ids_.reserve(images);
  folder_index_.reserve(images);
  sizes_.reserve(images);
  splits_.reserve(images);
  path_ends_.reserve(images);
  Query row(database, "SELECT id, folder, path, width, height, split FROM image ORDER BY id");
  for (int64_t last = 0; next_by_id(row, last);) {
    const auto folder = place_of(folders_, row.integer(1));
    if (!folder) database.fail(concat("is damaged: image ", last, " lies in no folder"));
    paths_ += row.text(2);
    if (paths_.size() > std::numeric_limits<uint32_t>::max())
      database.fail("has more than 4 GiB of image paths");
    ids_.push_back(last);
    folder_index_.push_back(static_cast<uint32_t>(*folder));
    path_ends_.push_back(static_cast<uint32_t>(paths_.size()));
    sizes_.push_back(size_of(row, 3));
    splits_.push_back(split_of(row, 5));
  }
  paths_.shrink_to_fit();
}

void Snapshot::read_annotations(Database& database) {
  boxes_.values.reserve(
      count(database, "SELECT count(*) FROM annotation WHERE deleted = 0 AND x IS NOT NULL"));
  boxes_.ends.reserve(ids_.size());
  wholes_.ends.reserve(ids_.size());
  Query row(database,
            "SELECT id, image, category, x, y, width, height, crowd FROM annotation WHERE deleted = 0 "
            "ORDER BY image, id");
  bool more = row.next();
  for (const int64_t image : ids_) {
    for (int64_t last = 0; more && row.integer(1) == image; more = row.next()) {
      check_ascends(row, last);
      const std::optional<int32_t> label = label_of(row.integer(2));
      if (!label) database.fail(concat("is damaged: annotation ", last, " has no category"));
      if (const auto box = box_of(row, 3)) {
        boxes_.values.push_back({.box = *box, .label = *label, .crowd = row.within(7, 1) == 1, .id = last});
      } else {
        wholes_.values.push_back({.id = last, .label = *label});
      }
    }
    boxes_.ends.push_back(static_cast<uint32_t>(boxes_.values.size()));
    wholes_.ends.push_back(static_cast<uint32_t>(wholes_.values.size()));
  }
  if (more) database.fail(concat("is damaged: annotation ", row.integer(0), " has no image"));
  wholes_.values.shrink_to_fit();
}

std::string_view Snapshot::path(size_t image) const {
  const size_t begin = image == 0 ? 0 : path_ends_[image - 1];
  return std::string_view(paths_).substr(begin, path_ends_[image] - begin);
}

int32_t Snapshot::label(size_t image) const {
  const auto labels = wholes_.of(image);
  return labels.empty() ? -1 : labels.front().label;
}

std::optional<size_t> Snapshot::index_of(int64_t image) const {
  const auto found = std::lower_bound(ids_.begin(), ids_.end(), image);
  if (found == ids_.end() || *found != image) return {};
  return static_cast<size_t>(found - ids_.begin());
}

std::optional<int32_t> Snapshot::label_of(int64_t category) const {
  const auto place = place_of(categories_, category);
  return place ? std::optional(static_cast<int32_t>(*place)) : std::nullopt;
}

bool Snapshot::knows(const LabelEvent& event) const {
  return event.action != LabelAction::import && index_of(event.image) &&
         (!event.after || label_of(event.after->category));
}

// The value with this id, if there is one, goes, and the new one, if there is one, takes its place among the ids.
template <typename Value>
void Snapshot::Rows<Value>::replace(size_t image, int64_t id, const Value* value) {
  const auto before = of(image);
  std::vector<Value>& now = changed.try_emplace(image, before.begin(), before.end()).first->second;
  auto place = std::lower_bound(now.begin(), now.end(), id,
                                [](const Value& one, int64_t wanted) { return one.id < wanted; });
  if (place != now.end() && place->id == id) place = now.erase(place);
  if (value != nullptr) now.insert(place, *value);
}

bool Snapshot::apply(std::span<const LabelEvent> events) {
  while (!events.empty() && events.front().revision <= revision_) events = events.subspan(1);
  if (!std::all_of(events.begin(), events.end(), [&](const LabelEvent& event) { return knows(event); }))
    return false;
  for (const LabelEvent& event : events) {
    const size_t image = *index_of(event.image);
    SnapshotBox box;
    WholeLabel whole;
    const int64_t id = event.after ? event.after->id : event.before ? event.before->id : 0;
    const bool boxed = event.after && event.after->box;
    if (event.after) {
      box = {.box = event.after->box.value_or(BoundingBox()),
             .label = *label_of(event.after->category),
             .crowd = event.after->crowd,
             .id = id};
      whole = {.id = id, .label = box.label};
    }
    boxes_.replace(image, id, boxed ? &box : nullptr);
    wholes_.replace(image, id, event.after && !boxed ? &whole : nullptr);
    revision_ = event.revision;
  }
  return true;
}

}  // namespace dlfs
