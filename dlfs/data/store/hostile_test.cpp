// Stores that a stranger made or a disk damaged: each is refused with a sentence, when it is opened or when the bad row
// is read. Nothing in them runs, and nothing crashes, hangs or grows.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "dlfs/base/file.h"
#include "dlfs/base/random.h"
#include "dlfs/base/text.h"
#include "dlfs/data/store/database.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/folder.h"
#include "dlfs/testing/stores.h"

namespace dlfs {
namespace {

namespace fs = std::filesystem;
using testing::error_of;

// Opens the store and does all that can be done with it.
void use_all(const std::string& path, StoreUse how) {
  Store store(path, how);
  store.for_each_image([](const ImageWithBoxes&) {});
  Snapshot snapshot(store);
  snapshot.apply(store.events_after(0));
  for (size_t i = 0; i < snapshot.size(); ++i) {
    store.image_with_boxes(snapshot.id(i));
    store.predictions(snapshot.id(i));
  }
  store.review_queue(100);
  if (how == StoreUse::read) return;
  Annotation label;
  label.image = label.category = 1;
  store.put_label(label, "ann");
  testing::fill(store, fs::path(path).parent_path(), testing::random_contents({.seed = 7, .images = 6}));
}

// A store without its -wal and -shm. Not synced, since these are many.
void write_raw(const std::string& path, const Bytes& bytes) {
  for (const char* ending : {"-wal", "-shm"}) fs::remove(path + ending);
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

struct Hostile {
  std::string sql;
  std::string fact;  // a part of the sentence
};

class HostileStore : public ::testing::Test {
 protected:
  HostileStore() {
    Store store(path_, StoreUse::create);
    testing::fill(store, folder_ / "images", testing::random_contents({.seed = 7, .images = 20}));
    Annotation label;
    label.image = label.category = 1;
    store.put_label(label, "ann");
    store.put_predictions(
        {{.image = 1, .model = "m", .boxes = {{.category = 1, .box = BoundingBox{}, .score = 1}}}});
    store.put_review(1, 1, "why");
  }

  // Refused with its sentence, and soon, is the store after each of these was done to it by a program that checks nothing.
  void expect_refused(const std::vector<Hostile>& all) const {
    std::string script =
        "import shutil, sqlite3, sys\n"
        "def alter(name, sql):\n"
        "  shutil.copyfile(sys.argv[1] + '/my.db', sys.argv[1] + '/' + name)\n"
        "  c = sqlite3.connect(sys.argv[1] + '/' + name, isolation_level=None)\n"
        "  c.executescript('PRAGMA synchronous = OFF; PRAGMA writable_schema = ON; ' + sql)\n"
        "  c.close()\n";
    for (size_t i = 0; i < all.size(); ++i) script += concat("alter('", i, ".db', \"", all[i].sql, "\")\n");
    write_file(folder_ / "alter.py", script);
    ASSERT_EQ(std::system(concat("python3 ", folder_ / "alter.py", " ", folder_.path()).c_str()), 0);
    for (size_t i = 0; i < all.size(); ++i) {
      const std::string path = folder_ / concat(i, ".db");
      const auto start = std::chrono::steady_clock::now();
      const std::string error = error_of([&] { use_all(path, StoreUse::read); });
      EXPECT_NE(error.find(all[i].fact), std::string::npos) << all[i].sql << "\n" << error;
      EXPECT_EQ(error.find("[store] " + path), 0U) << error;
      EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5)) << all[i].sql;
    }
  }

  testing::Folder folder_;
  std::string path_ = folder_ / "my.db", changed_ = folder_ / "changed.db";
};

// SQL that runs while the tables hold any type.
std::string loosely(const std::string& sql) {
  const std::string tables = " WHERE name IN ('image', 'annotation'); PRAGMA schema_version = ";
  return concat("UPDATE sqlite_schema SET sql = replace(sql, ' STRICT', '')", tables, "1000; ", sql,
                "; UPDATE sqlite_schema SET sql = sql || ' STRICT'", tables, "1001");
}

TEST_F(HostileStore, IsRefusedForAnythingThatCouldRun) {
  const std::vector<Hostile> all = {
      {"CREATE VIEW v AS SELECT 1", R"(its view "v" is not as dlfs makes it (CREATE VIEW v AS SELECT 1))"},
      {"DROP TABLE review; CREATE VIEW review AS WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 "
       "FROM r) SELECT "
       "x AS image, 1.0 AS priority, '' AS reason FROM r",
       R"(its view "review" is not as dlfs makes it)"},
      {"CREATE TRIGGER t AFTER INSERT ON label_event BEGIN DELETE FROM image; END", R"(its trigger "t")"},
      {"CREATE VIRTUAL TABLE f USING fts5(x)", R"(its table "f")"},
      {"ALTER TABLE image ADD COLUMN g INTEGER AS (abs(width))", R"(its table "image")"},
      {"CREATE INDEX i ON image(abs(width))", R"(its index "i")"},
      {"CREATE TABLE t(x CHECK(x > 0))", R"(its table "t")"},
      {"UPDATE sqlite_schema SET sql = replace(sql, 'priority REAL', 'priority TEXT')",
       R"(its table "review")"},
      {"UPDATE sqlite_schema SET sql = replace(sql, ') STRICT', ')')", "is not as dlfs makes it"},
      {"UPDATE sqlite_schema SET sql = replace(sql, 'width INTEGER', 'width INTEGER DEFAULT "
       "(randomblob(9))')",
       R"(its table "image")"},
      {"UPDATE sqlite_schema SET sql = 'CREATE TABLE'  WHERE name = 'meta'", "malformed database schema"},
      {"UPDATE sqlite_schema SET sql = NULL WHERE name = 'meta'", "malformed database schema"},
      {"UPDATE sqlite_schema SET rootpage = 3 WHERE name = 'image'", "is damaged"},
      {"UPDATE sqlite_schema SET rootpage = 1000000 WHERE name = 'image'", "malformed database schema"},
      {"UPDATE sqlite_schema SET name = x'00', tbl_name = x'00' WHERE name = 'meta'",
       "malformed database schema"},
      {"DROP INDEX annotation_image", "is damaged: 14 of a store's 15 tables and indices are there"},
      {"DROP TABLE review", "of a store's 15 tables and indices are there"}};
  expect_refused(all);
}

TEST_F(HostileStore, IsRefusedForWhatItCallsItself) {
  const std::vector<Hostile> all = {
      {"PRAGMA user_version = 2", "is a store of version 2, but this dlfs reads version 1: use a newer dlfs"},
      {"PRAGMA user_version = 0", "is a store of version 0, but this dlfs reads version 1"},
      {"PRAGMA application_id = 7",
       "is no annotation store of dlfs: its application id is 7, not 1145849427"},
      {"PRAGMA application_id = 0", "is no annotation store of dlfs: its application id is 0"}};
  expect_refused(all);
  // Another program's database is not made ours either.
  const std::string error = error_of([&] { Store(folder_ / "3.db", StoreUse::create); });
  EXPECT_NE(error.find("is no annotation store"), std::string::npos) << error;
}

TEST_F(HostileStore, IsRefusedForRowsThatCannotBe) {
  const std::vector<Hostile> all = {
      {"UPDATE image SET split = 9 WHERE id = 3", "is damaged: split is 9, but goes from 0 to 3"},
      {"UPDATE image SET width = -1 WHERE id = 3", "is damaged: width is -1, but goes from 0 to 2147483647"},
      {"UPDATE image SET height = 9223372036854775807", "is damaged: height is 9223372036854775807"},
      {"UPDATE image SET folder = 9 WHERE id = 3", "is damaged: image 3 lies in no folder"},
      {"UPDATE image SET id = -5 WHERE id = 5", "is damaged: row -5 comes after row 0"},
      {"UPDATE annotation SET crowd = 2", "is damaged: crowd is 2, but goes from 0 to 1"},
      {"UPDATE annotation SET origin = 3", "is damaged: origin is 3, but goes from 0 to 2"},
      {"UPDATE annotation SET x = 9e999", "is damaged: a box has the number inf"},
      {"UPDATE annotation SET width = 1e300", "is damaged: a box has the number 1e+300"},
      {"UPDATE annotation SET y = NULL", "is damaged: y is nothing, but must be a real number"},
      {"UPDATE annotation SET x = NULL", "is damaged: x is nothing, but must be a real number"},
      {"UPDATE annotation SET area = 9e999", "its area is inf, which is not finite"},
      {"UPDATE annotation SET category = 99", "is damaged: annotation 1 has no category"},
      {"UPDATE annotation SET image = 99 WHERE id = 2", "is damaged: annotation 2 has no image"},
      {"UPDATE annotation SET image = -1 WHERE id = 2", "is damaged: annotation 2 has no image"},
      {"UPDATE category SET id = 0 WHERE id = 1", "is damaged: row 0 comes after row 0"},
      {"UPDATE folder SET path = '../images'", "is not to be trusted: its folder"},
      {"UPDATE folder SET path = 'a/../../images'", "is not to be trusted: its folder"},
      {"UPDATE folder SET path = ''", "is not to be trusted: its folder"},
      {"UPDATE label_event SET revision = 9 WHERE revision = 2", "is damaged: event 9 calls itself 2"},
      {"UPDATE label_event SET message = zeroblob(64)", "64 bytes are no message of dlfs"},
      {"UPDATE label_event SET message = zeroblob(2000000)", "a message has 2000000 bytes"},
      {"UPDATE sqlite_sequence SET seq = 'many'", "is damaged: seq is a text, but must be an integer"},
      {"UPDATE sqlite_sequence SET seq = 9223372036854775807", "is damaged: seq is 9223372036854775807"},
      {"UPDATE predicted_box SET score = 9e999", "is damaged: a box has the number inf"},
      {"UPDATE image SET extra = CAST(zeroblob(20000000) AS TEXT) WHERE id = 2", "string or blob too big"},
      {loosely("UPDATE image SET width = 'wide'"), "is damaged (non-INTEGER value in image.width)"},
      {loosely("UPDATE image SET path = x'00' WHERE id = 2"), "is damaged (non-TEXT value in image.path)"},
      {loosely("UPDATE annotation SET x = 'left'"), "is damaged (non-REAL value in annotation.x)"}};
  expect_refused(all);
}

TEST_F(HostileStore, ValuesAreOnlyGivenAsWhatTheyAre) {
  Database database(path_, {});
  Query row(database, "SELECT 1, 2.5, 'three', x'04', NULL, 300");
  ASSERT_TRUE(row.next());
  EXPECT_EQ(row.integer(0), 1);
  EXPECT_EQ(row.real(1), 2.5);
  EXPECT_EQ(row.text(2), "three");
  EXPECT_EQ(row.blob(3).size(), 1U);
  EXPECT_TRUE(row.null(4));
  EXPECT_EQ(row.within(5, 300), 300);
  EXPECT_EQ(error_of([&] { row.integer(2); }),
            "[store] " + path_ + ": is damaged: 'three' is a text, but must be an integer");
  const auto given_as_another = [&](int column) {
    const auto fails = [](auto read) { return error_of(read) != "no error"; };
    return (column == 0 || fails([&] { row.integer(column); })) &&
           (column == 1 || fails([&] { row.real(column); })) &&
           (column == 2 || fails([&] { row.text(column); })) &&
           (column == 3 || fails([&] { row.blob(column); }));
  };
  for (int column = 0; column < 5; ++column) EXPECT_TRUE(given_as_another(column)) << column;
  EXPECT_THROW(row.within(5, 299), FileError);
}

// Each attempt ends in success or in a dlfs::Error.
void attempt(const std::string& path, StoreUse how, int64_t& refused) {
  const auto start = std::chrono::steady_clock::now();
  refused += error_of([&] { use_all(path, how); }) == "no error" ? 0 : 1;
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

void damage(const std::string& path, const std::string& changed, int64_t count) {
  const Random random(key_of("damage"));
  const Bytes good = read_file(path);
  int64_t refused = 0;
  for (int64_t i = 0; i < count; ++i) {
    Bytes bad = good;
    const auto number = static_cast<uint64_t>(i) * 16;
    const uint32_t flips = 1 + random.below(number, 3);
    for (uint32_t flip = 0; flip < flips; ++flip) {
      // Half of them where pages have their headers and cell pointers.
      size_t at = random.below(number + 3 * flip + 1, static_cast<uint32_t>(good.size()));
      if (random.below(number + 3 * flip + 2, 2) == 0) at = at / 4096 * 4096 + at % 32;
      bad[at] ^= std::byte(1U << random.below(number + 3 * flip + 3, 8));
    }
    write_raw(changed, bad);
    if (i % 2 == 0)
      fs::resize_file(changed, (uintmax_t{128} << 20) + 4096);  // too large for a check beforehand
    attempt(changed, i % 8 < 2 ? StoreUse::write : StoreUse::read, refused);
  }
  std::cout << count << " damaged stores: " << refused << " refused, the rest read\n";
}

TEST_F(HostileStore, IsRefusedOrReadWhereverItIsDamaged) { damage(path_, changed_, 150); }

class SlowHostileStore : public HostileStore {};
TEST_F(SlowHostileStore, IsRefusedOrReadWhereverItIsDamaged) { damage(path_, changed_, 20'000); }

// The log of a writer who never came to its end: SQLite believes it as far as its checksums go.
TEST_F(HostileStore, IsReadUpToTheDamageInItsLog) {
  Store writer(path_, StoreUse::write);
  Annotation label;
  label.image = label.category = 1;
  for (int i = 0; i < 20; ++i) writer.put_label(label, "ann");
  const Bytes store = read_file(path_), log = read_file(path_ + "-wal");
  const Random random(key_of("log"));
  for (uint32_t i = 0; i < 40; ++i) {
    Bytes bad = log;
    bad[random.below(2 * i, static_cast<uint32_t>(log.size()))] ^=
        std::byte(1U << random.below(2 * i + 1, 8));
    if (i % 4 == 0) bad.resize(random.below(2 * i, static_cast<uint32_t>(log.size())));
    write_raw(changed_, store);
    std::ofstream(changed_ + "-wal", std::ios::binary) << text_of(bad);
    const Store read(changed_, StoreUse::read);
    EXPECT_LE(read.revision(), 22);
    EXPECT_EQ(static_cast<int64_t>(read.events_after(0).size()), read.revision());
  }
}

TEST_F(HostileStore, IsRefusedOrReadWhereverItIsCut) {
  const Bytes good = read_file(path_);
  int64_t refused = 0, cuts = 0;
  for (size_t size = 0; size < good.size(); size += size < 128 ? 1 : 1024, ++cuts) {
    write_raw(changed_, {good.begin(), good.begin() + static_cast<ptrdiff_t>(size)});
    attempt(changed_, StoreUse::read, refused);
  }
  EXPECT_EQ(refused, cuts);
}

}  // namespace
}  // namespace dlfs
