#include "dlfs/data/store/import.h"

#include <bit>
#include <map>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "dlfs/base/error.h"
#include "dlfs/base/random.h"
#include "dlfs/data/store/rows.h"

namespace dlfs {
namespace {

// An annotation of the store that one of the source may turn out to be.
struct Known {
  Annotation annotation;
  std::optional<Annotation> imported = {};  // what it was before people changed it
  bool taken = false;
};

bool same_content(const Annotation& a, const Annotation& b) {
  return a.category == b.category && a.box == b.box && a.area == b.area && a.crowd == b.crowd;
}

// Equal for what is found as the same; two others may share one.
uint64_t key_of_content(const Annotation& annotation) {
  uint64_t key = static_cast<uint64_t>(annotation.category);
  const BoundingBox box = annotation.box.value_or(BoundingBox{});
  for (const float side : {box.x, box.y, box.width, box.height})
    key = combine(key, std::bit_cast<uint32_t>(side + 0.0F));  // -0 is 0
  return key;
}
uint64_t key_of_source(int64_t source_id) { return combine(~uint64_t{0}, static_cast<uint64_t>(source_id)); }

template <typename Value>
bool differ(const Value& from_source, const Value& known) {
  return from_source != Value() && from_source != known;
}

// SQLite's own checks of foreign keys are a quarter of an import's time: here the ids that were given out are known.
struct NoForeignKeys {
  explicit NoForeignKeys(Database& the_database) : database(the_database) {
    database.check_references(false);
  }
  NoForeignKeys(const NoForeignKeys&) = delete;
  NoForeignKeys& operator=(const NoForeignKeys&) = delete;
  ~NoForeignKeys() { database.check_references(true); }
  Database& database;
};

using Ids = std::unordered_set<int64_t>;

}  // namespace

struct Import::State {
  State(Store& the_store, const std::string& the_source)
      : database(the_store.database()),
        source(the_source),
        without(database),
        transaction(database, Transaction::Kind::write),
        last_known_image(integer_of(database, "SELECT coalesce(max(id), 0) FROM image")) {}

  void check(const Ids& given, const char* what, int64_t id) const {
    DLFS_CHECK(given.contains(id), source, ": ", what, " ", id, " is none that this import gave");
  }
  [[noreturn]] void fail(const std::string& fact) const {
    throw FileError("import", concat(source, ": ", fact));
  }
  void load(int64_t image);
  Known* find(const Annotation& annotation);

  Database& database;
  std::string source;
  NoForeignKeys without;
  Transaction transaction;
  int64_t last_known_image;  // images up to here were there before this import
  ImportCounts counts;
  std::unordered_map<std::string, int64_t> folders, categories;
  Ids given_folders, given_categories, given_images;
  int64_t image = 0;  // whose annotations `known` holds
  std::vector<Known> known;
  std::multimap<uint64_t, size_t> waiting;  // indices, by either key; a taken one goes when it is met
};

Import::Import(Store& store, const std::string& source) : state_(std::make_unique<State>(store, source)) {}
Import::~Import() = default;

int64_t Import::folder(const std::string& path) {
  const auto [found, is_new] = state_->folders.try_emplace(path);
  if (!is_new) return found->second;
  const std::string stored = stored_folder(state_->database, path);
  run(state_->database, "INSERT INTO folder(path) VALUES(?1) ON CONFLICT DO NOTHING", stored);
  found->second = integer_of(state_->database, "SELECT id FROM folder WHERE path = ?1", stored);
  state_->given_folders.insert(found->second);
  return found->second;
}

int64_t Import::category(const Category& category) {
  if (category.name.empty()) state_->fail("a category has no name");
  const auto [found, is_new] = state_->categories.try_emplace(category.name);
  if (!is_new) return found->second;
  Database& database = state_->database;
  run(database,
      "INSERT INTO category(name, supercategory, source_id) VALUES(?1, ?2, ?3) ON CONFLICT DO NOTHING",
      category.name, category.supercategory, category.source_id);
  const bool made = database.changed_rows();
  state_->counts.categories += made ? 1 : 0;
  Query query(database, "SELECT id, supercategory, source_id FROM category WHERE name = ?1", category.name);
  query.next();
  if (!made && (differ(category.supercategory, std::string(query.text(1))) ||
                differ(category.source_id, query.maybe_integer(2)))) {
    ++state_->counts.differing;
  }
  found->second = query.integer(0);
  state_->given_categories.insert(found->second);
  return found->second;
}

int64_t Import::image(const ImageRecord& image) {
  state_->check(state_->given_folders, "folder", image.folder);
  const std::string path = clean_path(image.path);
  if (path.empty())
    state_->fail(concat("the image path \"", image.path, "\" does not name a file within its folder"));
  if (image.size.width < 0 || image.size.height < 0)
    state_->fail(concat(path, " has the size ", image.size.width, " x ", image.size.height));
  Database& database = state_->database;
  run(database,
      "INSERT INTO image(folder, path, width, height, split, sha256, source_id, extra) "
      "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT(folder, path) DO NOTHING",
      image.folder, path, image.size.width, image.size.height, image.split, or_null(image.sha256),
      image.source_id, or_null(image.extra));
  if (database.changed_rows()) {
    ++state_->counts.images;
    state_->given_images.insert(database.last_id());
    return database.last_id();
  }
  Query query(database, image_by_path, image.folder, path);
  query.next();
  const ImageRecord known = image_of(query);
  if (state_->given_images.insert(known.id).second) {
    ++state_->counts.known_images;
    const bool sizes_differ =
        differ(image.size.width, known.size.width) || differ(image.size.height, known.size.height);
    const bool splits_differ = image.split != Split::none && image.split != known.split;
    if (sizes_differ || splits_differ || differ(image.source_id, known.source_id) ||
        differ(image.sha256, known.sha256)) {
      ++state_->counts.differing;
    }
  }
  return known.id;
}

void Import::State::load(int64_t of_image) {
  image = of_image;
  known.clear();
  waiting.clear();
  if (image > last_known_image) return;
  std::unordered_map<int64_t, size_t> by_id;
  Query query(database, annotations_of_image, image);
  while (query.next()) {
    known.push_back({.annotation = annotation_of(query)});
    by_id.emplace(known.back().annotation.id, known.size() - 1);
  }
  Query events(database, "SELECT message FROM label_event WHERE image = ?1 ORDER BY revision", image);
  while (events.next()) {
    const LabelEvent event = event_of(events, 0);
    const auto found = event.before ? by_id.find(event.before->id) : by_id.end();
    if (found != by_id.end() && !known[found->second].imported) known[found->second].imported = event.before;
  }
  for (size_t i = 0; i < known.size(); ++i) {
    const Known& one = known[i];
    waiting.emplace(key_of_content(one.annotation), i);
    if (one.imported) waiting.emplace(key_of_content(*one.imported), i);
    if (one.annotation.source_id) waiting.emplace(key_of_source(*one.annotation.source_id), i);
  }
}

// By source id where there is one, else by content, now or as it was imported. Each is found once, so that two equal boxes
// of the source stay two.
Known* Import::State::find(const Annotation& annotation) {
  const auto same = [&](const Known& one) {
    if (annotation.source_id) return annotation.source_id == one.annotation.source_id;
    return same_content(annotation, one.annotation) ||
           (one.imported && same_content(annotation, *one.imported));
  };
  auto [at, end] = waiting.equal_range(annotation.source_id ? key_of_source(*annotation.source_id)
                                                            : key_of_content(annotation));
  while (at != end) {
    Known& one = known[at->second];
    if (!one.taken && same(one)) return &one;
    at = one.taken ? waiting.erase(at) : std::next(at);
  }
  return nullptr;
}

void Import::annotation(const Annotation& annotation) {
  state_->check(state_->given_images, "image", annotation.image);
  state_->check(state_->given_categories, "category", annotation.category);
  if (const std::string fault = fault_of(annotation); !fault.empty())
    state_->fail(concat("an annotation of image ", annotation.image, " is refused: ", fault));
  if (annotation.image != state_->image) state_->load(annotation.image);
  if (Known* known = state_->find(annotation)) {
    known->taken = true;
    ++state_->counts.known_annotations;
    if (known->annotation.deleted != annotation.deleted || !same_content(known->annotation, annotation))
      ++state_->counts.differing;
    return;
  }
  insert(state_->database, annotation);
  ++state_->counts.annotations;
}

ImportCounts Import::commit() {
  const ImportCounts& counts = state_->counts;
  if (counts.categories + counts.images + counts.annotations > 0) {
    LabelEvent event{.who = state_->source, .action = LabelAction::import};
    append(state_->database, event);
    state_->transaction.commit();
  }
  state_->transaction.undo();  // where nothing was new
  return counts;
}

}  // namespace dlfs
