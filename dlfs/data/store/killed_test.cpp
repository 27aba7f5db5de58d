// A process that imports and labels is killed at any moment; what it said was done must be there, and no half of anything.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <iostream>
#include <map>
#include <thread>

#include "dlfs/base/random.h"
#include "dlfs/base/text.h"
#include "dlfs/data/store/database.h"
#include "dlfs/data/store/import.h"
#include "dlfs/testing/folder.h"

namespace dlfs {
namespace {

constexpr int images_of_import = 40;

Annotation label_of(int64_t image, int64_t category, int64_t number) {
  Annotation label;
  label.image = image;
  label.category = category;
  label.box = BoundingBox{1, 2, 3, static_cast<float>(number)};
  label.area = static_cast<double>(number);
  return label;
}

int64_t import_some(Store& store, const std::string& name) {
  Import import(store, name);
  const int64_t folder = import.folder("/images");
  Category cat;
  cat.name = "cat";
  const int64_t category = import.category(cat);
  for (int i = 0; i < images_of_import; ++i) {
    ImageRecord record;
    record.folder = folder;
    record.path = concat(name, "/", i, ".jpg");
    const int64_t image = import.image(record);
    for (int box = 0; box < 3; ++box) import.annotation(label_of(image, category, box));
  }
  import.commit();
  return store.revision();
}

// What the child does until it is killed: an import, some labels, an import, each acknowledged by its revision.
[[noreturn]] void work(const std::string& path, int pipe, int round) {
  const auto acknowledge = [&](int64_t revision) {
    if (::write(pipe, &revision, sizeof revision) != sizeof revision) ::_exit(1);
  };
  try {
    Store store(path, StoreUse::create);
    for (int number = 0;; ++number) {
      acknowledge(import_some(store, concat(round, "-", number)));
      for (int i = 0; i < 20; ++i) {
        Annotation label = label_of(1 + i, 1, number);
        label.id = store.put_label(label, "child").after->id;
        label.deleted = i % 2 == 0;
        acknowledge(store.put_label(label, "child").revision);
      }
    }
  } catch (const std::exception& error) {
    std::cerr << "the child failed: " << error.what() << "\n";
  }
  ::_exit(2);
}

// Lets a child work for a while and kills it; the last revision that it acknowledged, or 0.
int64_t work_and_kill(const std::string& path, int round, std::chrono::microseconds after) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    work(path, ends[1], round);
  }
  ::close(ends[1]);
  std::this_thread::sleep_for(after);
  ::kill(child, SIGKILL);
  int64_t last = 0, revision = 0;
  while (::read(ends[0], &revision, sizeof revision) == sizeof revision) last = revision;
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the child ended by itself";
  return last;
}

// The store's events, replayed, are its labels; every import is there as a whole.
void expect_whole(Store& store) {
  Query integrity(store.database(), "PRAGMA integrity_check");
  ASSERT_TRUE(integrity.next());
  ASSERT_EQ(integrity.text(0), "ok");

  std::map<int64_t, Annotation> labels;
  std::map<std::string, int> imported;
  int64_t expected_revision = 0;
  for (const LabelEvent& event : store.events_after(0, 1'000'000)) {
    ASSERT_EQ(event.revision, ++expected_revision);
    if (event.action == LabelAction::import) imported[event.who] = 0;
    if (event.before) labels.erase(event.before->id);
    if (event.after) labels[event.after->id] = *event.after;
  }
  ASSERT_EQ(store.revision(), expected_revision);
  store.for_each_image([&](const ImageWithBoxes& one) {
    ++imported[one.image.path.substr(0, one.image.path.find('/'))];
    int of_import = 0;
    for (const Annotation& annotation : one.annotations) {
      const auto found = labels.find(annotation.id);
      of_import += found == labels.end() ? 1 : 0;
      if (found == labels.end()) continue;
      EXPECT_EQ(found->second.area, annotation.area);
      labels.erase(found);
    }
    EXPECT_EQ(of_import, 3) << one.image.path;
  });
  EXPECT_TRUE(labels.empty());
  for (const auto& [name, images] : imported) EXPECT_EQ(images, images_of_import) << name;
}

void kill_many(int kills) {
  const Random random(key_of("kills"));
  int64_t acknowledged = 0, events = 0;
  for (int round = 0; round < kills;) {
    const testing::Folder folder;  // a new store now and then, so that its making is interrupted too
    const std::string path = folder / "my.db";
    int64_t last = 0;
    for (int i = 0; i < 10 && round < kills; ++i, ++round) {
      const auto after = std::chrono::microseconds(random.below(static_cast<uint64_t>(round), 120'000));
      last = std::max(last, work_and_kill(path, round, after));
      Store store(path, StoreUse::create);
      ASSERT_GE(store.revision(), last) << "an acknowledged event is lost";
      expect_whole(store);
      if (::testing::Test::HasFailure()) return;
      last = store.revision();
    }
    acknowledged += last;
    ++events;
  }
  std::cout << kills << " kills in " << events << " stores with " << acknowledged
            << " events: nothing lost, no half\n";
}

TEST(StoreKilled, KeepsWhatItAcknowledgedAndNoHalf) { kill_many(20); }
TEST(SlowStore, KeepsWhatItAcknowledgedThroughAThousandKills) { kill_many(1000); }

}  // namespace
}  // namespace dlfs
