// Stores and messages of strangers.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include "dlfs/base/error.h"
#include "dlfs/base/file.h"
#include "dlfs/data/store/import.h"
#include "dlfs/data/store/schema.h"
#include "dlfs/data/store/snapshot.h"
#include "dlfs/testing/folder.h"
#include "dlfs/testing/fuzz.h"

namespace dlfs::testing {
namespace {

// A store in pages of 512 bytes, so that its few rows make trees and long values.
Bytes small_store(const std::string& path) {
  {
    Database database(path, {.write = true, .create = true});
    run(database, "PRAGMA page_size = 512");
    create_schema(database);
  }
  Store store(path, StoreUse::write);
  Import import(store, "formula");
  Annotation one;
  for (int i = 0; i < 3; ++i)
    one.category =
        import.category({.id = 0, .name = concat("kind ", i), .supercategory = "", .source_id = i});
  ImageRecord image;
  image.folder = import.folder(std::filesystem::path(path).parent_path()), image.size = {64, 48};
  for (int i = 0; i < 12; ++i) {
    image.path = concat("some/", i, ".jpg"), image.split = static_cast<Split>(i % 4);
    one.image = import.image(image);
    for (int k = 0; k < 3; ++k) {
      one.box = BoundingBox{.x = 1, .y = 2, .width = static_cast<float>(k), .height = 4};
      if (k == 2) one.box.reset();
      one.segmentation = i == 5 && k == 1 ? "[[" + std::string(1200, '1') + "]]" : "";
      import.annotation(one);
    }
  }
  import.commit();
  one.id = one.image = 1;
  store.put_label(one, "ann");
  store.put_predictions(
      {{.image = 1, .model = "m", .boxes = {{.category = 1, .box = BoundingBox{}, .score = 1}}}});
  store.put_review(1, 1, "why");
  store.put_review(2, 2, "why");
  run(store.database(), "PRAGMA wal_checkpoint(TRUNCATE)");
  return read_file(path);
}

// Changes of a store's bytes: each has two bytes that say where, one that says how many follow (1 to 8, or none: the file
// ends there), and these.
void damage(Bytes& store, std::span<const std::byte> changes) {
  while (changes.size() > 3) {
    const auto number = [&](size_t i) { return std::to_integer<size_t>(changes[i]); };
    const size_t at = std::min((256 * number(0) + number(1)), store.size()), most = store.size() - at;
    const size_t kind = number(2);
    changes = changes.subspan(3);
    if (kind >= 240) {
      store.resize(at);
      continue;
    }
    const size_t count = std::min({1 + kind % 8, changes.size(), most});
    std::copy_n(changes.begin(), count, store.begin() + static_cast<std::ptrdiff_t>(at));
    changes = changes.subspan(std::max<size_t>(count, 1));
  }
}

void write_raw(const std::string& path, const Bytes& bytes) {
  for (const char* ending : {"-wal", "-shm"}) std::filesystem::remove(path + ending);
  std::ofstream(path, std::ios::binary) << text_of(bytes);
}

}  // namespace

// A whole file, or changes of a good one. One that opens gives a snapshot, or says what is wrong; and is written to.
void fuzz_store(std::span<const std::byte> input) {
  static const Folder folder(Folder::in_memory());
  static const std::string path = folder / "my.db";
  static const Bytes good = small_store(path);
  Bytes bytes(input.begin(), input.end());
  if (!text_of(input).starts_with("SQLite format 3")) damage(bytes = good, input);
  write_raw(path, bytes);
  const bool writes = !input.empty() && (input.back() & std::byte{1}) == std::byte{1};
  Store store(path, writes ? StoreUse::write : StoreUse::read);
  Snapshot snapshot(store);
  size_t images = 0;
  store.for_each_image([&](const ImageWithBoxes& found) {
    DLFS_CHECK(images < snapshot.size() && snapshot.id(images) == found.image.id, found.image.id);
    DLFS_CHECK(snapshot.path(images) == found.image.path, found.image.path);
    DLFS_CHECK(snapshot.boxes(images).size() <= found.annotations.size(), found.image.id);
    ++images;
  });
  DLFS_CHECK(images == snapshot.size(), images, " of ", snapshot.size());
  const std::vector<LabelEvent> events = store.events_after(0);
  snapshot.apply(events);
  for (size_t i = 0; i < snapshot.size(); ++i) store.predictions(snapshot.id(i));
  store.review_queue(100);
  if (!writes) return;
  try {
    Annotation label;
    label.image = label.category = 1;
    store.put_label(label, "ann");
    store.set_file_facts({{.image = 1, .sha256 = "", .size = {1, 1}}});
  } catch (const UsageError&) {  // there is no image 1 in it
  }
}

// What is read of a message makes a message that is read as the same.
void fuzz_events(std::span<const std::byte> input) {
  const auto check = [](const auto& record, auto decode) {
    const Bytes message = encode(record);
    DLFS_CHECK(encode(decode(message)) == message, message.size());
  };
  try {
    check(decode_label_event(input), decode_label_event);
    return;
  } catch (const FileError&) {
  }
  check(decode_prediction(input), decode_prediction);
}

}  // namespace dlfs::testing
