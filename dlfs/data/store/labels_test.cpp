#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <iostream>
#include <thread>

#include "dlfs/base/random.h"
#include "dlfs/base/text.h"
#include "dlfs/data/store/snapshot.h"
#include "dlfs/data/store/store.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/folder.h"
#include "dlfs/testing/stores.h"

namespace dlfs {
namespace {

using std::chrono::steady_clock;
using testing::error_of;
using testing::expect_error;
using testing::words_of;

std::string words_of_event(const LabelEvent& event) {
  return concat(event.revision, " ", event.at_ns, " ", event.who, " ", static_cast<int>(event.action), " ",
                event.image, " before ", event.before ? words_of(*event.before) : "", " after ",
                event.after ? words_of(*event.after) : "");
}

class Labels : public ::testing::Test {
 protected:
  Labels() : contents_(testing::random_contents({.seed = 5, .images = 30})), store_(path_, StoreUse::create) {
    testing::fill(store_, folder_ / "images", contents_);
  }

  Annotation label(int64_t image, float x) const {
    Annotation label;
    label.image = image;
    label.category = 2;
    label.box = BoundingBox{x, 2, 3, 4};
    label.area = 12;
    label.origin = Origin::human;
    label.segmentation = "[[1,2,3,4,5,6]]";
    return label;
  }

  // Prints how late a reader that looks every millisecond sees labels; half of them within 10 ms.
  void follow(size_t labels, std::chrono::microseconds pause);

  // Adds, changes, removes or brings back a label of some image.
  LabelEvent change_something(const Random& random, uint64_t number) {
    const auto image = int64_t{1} + random.below(4 * number, 30);
    Annotation changed = label(image, static_cast<float>(random.below(4 * number + 1, 100)));
    if (random.below(4 * number + 2, 5) == 0) changed.box.reset();
    const auto known = store_.image_with_boxes(image)->annotations;
    const uint32_t choice = random.below(4 * number + 3, 3);
    if (!gone_.empty() && choice == 0) {
      changed = gone_.back();
      gone_.pop_back();
    } else if (!known.empty() && choice > 0) {
      changed.id = known[number % known.size()].id;
      changed.deleted = choice == 1;
      if (changed.deleted) gone_.push_back(known[number % known.size()]);
    }
    return store_.put_label(changed, "somebody");
  }

  testing::Folder folder_;
  std::string path_ = folder_ / "my.db";
  testing::Contents contents_;
  Store store_;
  std::vector<Annotation> gone_;
};

TEST_F(Labels, AreMadeChangedAndDeletedWithAnEventEach) {
  Annotation mine = label(3, 1);
  const LabelEvent made = store_.put_label(mine, "ann");
  mine.id = made.after->id;
  EXPECT_EQ(made.revision, 2);
  EXPECT_EQ(made.action, LabelAction::add);
  EXPECT_EQ(words_of(*made.after), words_of(mine));
  EXPECT_FALSE(made.before);
  EXPECT_EQ(words_of(store_.image_with_boxes(3)->annotations.back()), words_of(mine));

  Annotation changed = mine;
  changed.box->x = 7;
  changed.segmentation = "";
  const LabelEvent change = store_.put_label(changed, "bob");
  EXPECT_EQ(change.action, LabelAction::change);
  EXPECT_EQ(words_of(*change.before), words_of(mine));
  EXPECT_EQ(words_of(*change.after), words_of(changed));
  EXPECT_EQ(words_of(store_.image_with_boxes(3)->annotations.back()), words_of(changed));

  Annotation gone = changed;
  gone.deleted = true;
  const LabelEvent removal = store_.put_label(gone, "bob");
  EXPECT_EQ(removal.action, LabelAction::remove);
  EXPECT_EQ(words_of(*removal.before), words_of(changed));
  EXPECT_FALSE(removal.after);
  const ImageWithBoxes without = *store_.image_with_boxes(3);
  for (const Annotation& one : without.annotations) EXPECT_NE(one.id, mine.id);

  const LabelEvent back = store_.put_label(changed, "ann");
  EXPECT_EQ(back.action, LabelAction::add);
  EXPECT_FALSE(back.before);
  EXPECT_EQ(words_of(store_.image_with_boxes(3)->annotations.back()), words_of(changed));

  const auto events = Store(path_, StoreUse::read).events_after(1);
  ASSERT_EQ(events.size(), 4U);
  size_t at = 0;
  for (const LabelEvent& event : {made, change, removal, back}) {
    EXPECT_EQ(words_of_event(events[at++]), words_of_event(event));
  }
  EXPECT_EQ(store_.events_after(1, 2).back().revision, 3);
  EXPECT_EQ(store_.events_after(0, 1).back().action, LabelAction::import);
  EXPECT_TRUE(store_.events_after(5).empty());
  EXPECT_EQ(store_.revision(), 5);
}

TEST_F(Labels, RefuseWhatCannotBe) {
  const auto refused = [&](const Annotation& bad, const std::string& fact) {
    expect_error<UsageError>([&] { store_.put_label(bad, "ann"); }, "[store] " + fact);
  };
  Annotation bad = label(31, 1);
  refused(bad, "there is no image 31");
  bad.image = 1;
  bad.category = 6;
  refused(bad, "there is no category 6");
  bad = label(1, INFINITY);
  refused(bad, "a label is refused: its box has the number inf, which is not finite");
  bad = label(1, 1);
  bad.deleted = true;
  refused(bad, "a label that is not there cannot be deleted");
  bad.id = 100'000;
  refused(bad, "there is no label 100000");
  bad.deleted = false;
  refused(bad, "there is no label 100000");
  bad.id = store_.put_label(label(2, 1), "ann").after->id;
  refused(bad, concat("label ", bad.id, " is of image 2 and cannot move to image 1"));
  bad.deleted = true;
  store_.put_label(bad, "ann");
  refused(bad, concat("label ", bad.id, " is deleted already"));
  bad = label(1, 1);
  bad.extra = std::string(1 << 20, 'x');
  EXPECT_THROW(store_.put_label(bad, "ann"), FileError);
  EXPECT_EQ(store_.revision(), 3);
  EXPECT_EQ(error_of([&] { Store(path_, StoreUse::read).put_label(label(1, 1), "ann"); }),
            "[store] " + path_ + ": was opened for reading only");
}

TEST_F(Labels, AreNotBroughtBackByImportingAgain) {
  for (const bool source_ids : {true, false}) {
    const testing::Contents contents =
        testing::random_contents({.seed = 6, .images = 5, .source_ids = source_ids});
    Store store(folder_ / concat(source_ids, ".db"), StoreUse::create);
    testing::fill(store, folder_ / "images", contents);
    Annotation moved = contents.images.at(1).annotations.at(0),
               gone = contents.images.at(1).annotations.at(1);
    moved.box = BoundingBox{7, 7, 7, 7};
    gone.deleted = true;
    store.put_label(moved, "ann");
    moved.box = BoundingBox{8, 8, 8, 8};
    store.put_label(moved, "ann");
    store.put_label(gone, "ann");
    const ImportCounts again = testing::fill(store, folder_ / "images", contents);
    EXPECT_EQ(again.annotations, 0);
    EXPECT_EQ(again.differing, 2);
    EXPECT_EQ(store.revision(), 4);
    EXPECT_EQ(words_of(store.image_with_boxes(2)->annotations.at(0)), words_of(moved));
  }
}

TEST_F(Labels, KeepASnapshotEqualToANewOne) {
  const Random random(key_of("labels"));
  Snapshot followed(store_);
  EXPECT_EQ(testing::words_of(followed), testing::words_of(Snapshot(store_)));
  for (uint64_t number = 0; number < 120; ++number) {
    change_something(random, number);
    if (number % 7 != 0) continue;
    ASSERT_TRUE(followed.apply(store_.events_after(followed.revision())));
    ASSERT_EQ(testing::words_of(followed), testing::words_of(Snapshot(store_))) << number;
  }
  // Events that were seen already change nothing.
  ASSERT_TRUE(followed.apply(store_.events_after(0)));
}

TEST_F(Labels, AskForANewSnapshotWhereMoreThanLabelsChanged) {
  Snapshot before(store_);
  const std::string words = testing::words_of(before);
  Annotation unknown = label(1, 1);
  store_.put_label(unknown, "ann");
  unknown.category = store_.add_category("new");
  store_.put_label(unknown, "ann");
  EXPECT_FALSE(before.apply(store_.events_after(1)));
  EXPECT_EQ(testing::words_of(before), words);
  Snapshot after(store_);
  testing::fill(store_, folder_ / "others", testing::random_contents({.seed = 9, .images = 2}));
  EXPECT_FALSE(after.apply(store_.events_after(after.revision())));
}

void Labels::follow(size_t labels, std::chrono::microseconds pause) {
  Store reader(path_, StoreUse::read);
  Snapshot followed(reader);
  std::vector<steady_clock::time_point> given(labels), committed(labels), seen;
  std::thread writer([&] {
    Store store(path_, StoreUse::write);
    for (size_t i = 0; i < given.size(); ++i) {
      std::this_thread::sleep_for(pause);
      given[i] = steady_clock::now();
      store.put_label(label(1, 1), "ann");
      committed[i] = steady_clock::now();
    }
  });
  const auto give_up = steady_clock::now() + std::chrono::seconds(60);
  while (seen.size() < committed.size() && steady_clock::now() < give_up) {
    if (!reader.changed()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      continue;
    }
    const int64_t before = followed.revision();
    ASSERT_TRUE(followed.apply(reader.events_after(before)));
    seen.insert(seen.end(), static_cast<size_t>(followed.revision() - before), steady_clock::now());
  }
  writer.join();
  ASSERT_EQ(seen.size(), committed.size());
  const auto milliseconds_since = [&](const std::vector<steady_clock::time_point>& times) {
    std::vector<double> late;
    for (size_t i = 0; i < seen.size(); ++i) {
      late.push_back(std::chrono::duration<double, std::milli>(seen[i] - times[i]).count());
    }
    std::sort(late.begin(), late.end());
    return late;
  };
  const auto from_call = milliseconds_since(given), from_commit = milliseconds_since(committed);
  std::cout << "a label reaches a follower, of " << seen.size() << ": median "
            << fixed(from_call[labels / 2], 2) << " ms, worst " << fixed(from_call.back(), 2)
            << " ms after put_label was called; median " << fixed(from_commit[labels / 2], 2) << " ms, worst "
            << fixed(from_commit.back(), 2) << " ms after it was on the disk\n";
  EXPECT_LT(from_commit[labels / 2], 10);
}

TEST_F(Labels, ReachAFollowerWithinMilliseconds) { follow(60, std::chrono::milliseconds(7)); }

class SlowLabels : public Labels {};
TEST_F(SlowLabels, ReachAFollowerWithinMilliseconds) { follow(500, std::chrono::milliseconds(20)); }

TEST_F(Labels, OfTwoWritersWaitForEachOther) {
  const auto write = [&](const std::string& who) {
    Store store(path_, StoreUse::write);
    for (int i = 0; i < 25; ++i) store.put_label(label(1 + i, 1), who);
  };
  std::thread ann(write, "ann"), bob(write, "bob");
  ann.join();
  bob.join();
  EXPECT_EQ(store_.revision(), 51);
  EXPECT_EQ(store_.events_after(1).size(), 50U);
}

TEST_F(Labels, AreSeenWholeByReadersMeanwhile) {
  std::atomic<bool> done = false;
  std::atomic<int64_t> reads = 0;
  // Each label is a box of its revision's width, so a reader can tell whether an event and its label belong together.
  const auto read = [&](int64_t number) {
    Store store(path_, StoreUse::read);
    for (int64_t last = 0; !done || last == 0; ++last) {
      const Snapshot snapshot(store);
      for (size_t image = 0; image < snapshot.size(); ++image) {
        for (const SnapshotBox& box : snapshot.boxes(image)) {
          EXPECT_TRUE(box.box.x >= 0 || box.box.width <= static_cast<float>(snapshot.revision()));
        }
      }
      const int64_t before = store.revision();
      for (const LabelEvent& event : store.events_after(std::max<int64_t>(before - 3, 1))) {
        EXPECT_EQ(event.after->box->width, static_cast<float>(event.revision));
      }
      EXPECT_TRUE(store.image_with_boxes(1 + (last + number) % 30));
      ++reads;
    }
  };
  std::vector<std::thread> readers;
  for (int64_t number = 0; number < 4; ++number) readers.emplace_back(read, number);
  for (int64_t revision = 2; revision < 60; ++revision) {
    Annotation one = label(revision % 30 + 1, -1);
    one.box->width = static_cast<float>(revision);
    store_.put_label(one, "ann");
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_GE(reads, 4);
}

TEST_F(Labels, OfModelsAreKeptBesideThoseOfPeople) {
  const ImagePrediction first{.image = 4,
                              .model = "lenet 3",
                              .revision = 1,
                              .at_ns = 77,
                              .boxes = {{.category = 2, .box = BoundingBox{1, 2, 3, 4}, .score = 0.5F},
                                        {.category = 1, .box = {}, .score = 0.25F}}};
  ImagePrediction second = first, bad = first;
  second.boxes.clear();
  bad.boxes[0].score = NAN;
  store_.put_predictions({first, second});
  EXPECT_THROW(store_.put_predictions({second, bad}), UsageError);
  bad.image = 31;
  EXPECT_THROW(store_.put_predictions({bad}), UsageError);
  const auto found = store_.predictions(4);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(encode(found[0]), encode(first));
  EXPECT_EQ(encode(found[1]), encode(second));
  EXPECT_TRUE(store_.predictions(5).empty());
  EXPECT_EQ(store_.revision(), 1);
}

TEST_F(Labels, AreAskedForByTheReviewQueue) {
  store_.put_review(3, 0.5, "uncertain");
  store_.put_review(1, 0.9, "uncertain");
  store_.put_review(2, 0.5, "new");
  EXPECT_EQ(store_.review_queue(10), (std::vector<int64_t>{1, 2, 3}));
  store_.put_review(3, 2, "drift");
  EXPECT_EQ(store_.review_queue(2), (std::vector<int64_t>{3, 1}));
  store_.drop_review(3);
  EXPECT_EQ(store_.review_queue(10), (std::vector<int64_t>{1, 2}));
  EXPECT_THROW(store_.put_review(1, NAN, ""), UsageError);
  EXPECT_THROW(store_.put_review(31, 1, ""), UsageError);
}

TEST_F(Labels, NeedCategoriesAndFactsThatPeopleAdd) {
  EXPECT_EQ(store_.add_category("category 1"), 2);
  EXPECT_EQ(store_.add_category("new"), 6);
  EXPECT_EQ(store_.categories().back().name, "new");
  EXPECT_THROW(store_.add_category(""), UsageError);
  const std::string hash(64, '0');
  store_.set_file_facts({{2, hash, {.width = 7, .height = 9}}, {2, "", {}}});
  EXPECT_EQ(store_.image(2)->sha256, hash);
  EXPECT_EQ(store_.image(2)->size.height, 9);
  EXPECT_THROW(store_.set_file_facts({{2, "a", {}}}), UsageError);
  EXPECT_THROW(store_.set_file_facts({{2, "", {.width = -1, .height = 1}}}), UsageError);
  const std::string other(64, '1');
  EXPECT_THROW(store_.set_file_facts({{2, other, {}}, {31, hash, {}}}), UsageError);
  EXPECT_EQ(store_.image(2)->sha256, hash) << "all or nothing";
}

}  // namespace
}  // namespace dlfs
