// A store of COCO's size beside Python's sqlite3 on the same file: bench/peers_cpu/store.py.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <sstream>
#include <thread>

#include "dlfs/base/file.h"
#include "dlfs/base/random.h"
#include "dlfs/base/text.h"
#include "dlfs/data/store/rows.h"
#include "dlfs/testing/folder.h"
#include "dlfs/testing/stores.h"

namespace dlfs {
namespace {

using std::chrono::steady_clock;

constexpr int64_t images = 118'000, boxes = 860'000, path_bytes = 16;

double seconds_since(steady_clock::time_point start) {
  return std::chrono::duration<double>(steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

size_t resident_bytes() {
  const std::string status(text_of(read_file("/proc/self/status")));
  return std::stoul(status.substr(status.find("VmRSS:") + 6)) * 1024;
}

struct Read {
  double seconds = 0, widths = 0;
  int64_t boxes = 0;
};

// The images are 2 to `images` in an order that jumps about; image 1 is the writer's.
int64_t image_number(int64_t i) { return 2 + i * 48271 % (images - 1); }

template <typename Boxes>
Read timed(int64_t reads, Boxes boxes_of) {
  Read all;
  const auto pass = [&](int64_t count) {
    all = {};
    for (int64_t i = 0; i < count; ++i) boxes_of(image_number(i), all);
  };
  pass(reads / 10);
  const auto start = steady_clock::now();
  pass(reads);
  all.seconds = seconds_since(start);
  return all;
}

Read read_store(const Store& store, int64_t reads) {
  return timed(reads, [&](int64_t image, Read& all) {
    const ImageWithBoxes found = store.image_with_boxes(image).value();
    for (const Annotation& annotation : found.annotations) all.widths += annotation.box->width, ++all.boxes;
  });
}

Read read_snapshot(const Snapshot& snapshot, int64_t reads) {
  return timed(reads, [&](int64_t image, Read& all) {
    const auto index = static_cast<size_t>(image - 1);
    all.boxes += snapshot.path(index).empty() || snapshot.image_size(index).width == 0
                     ? 1
                     : 0;  // so that they are read
    for (const SnapshotBox& box : snapshot.boxes(index)) all.widths += box.box.width, ++all.boxes;
  });
}

Read read_python(const std::string& path, int64_t reads) {
  const std::string command =
      concat("python3 ", DLFS_SOURCE_DIR, "/bench/peers_cpu/store.py ", path, " ", reads, " ", images, " '",
             image_by_id, "' '", live_annotations_of_image, "'");
  std::FILE* pipe = ::popen(command.c_str(), "r");
  std::string said(1000, '\0');
  said.resize(std::fread(said.data(), 1, said.size(), pipe));
  EXPECT_EQ(::pclose(pipe), 0) << command;
  Read read;
  std::istringstream(said) >> read.seconds >> read.boxes >> read.widths;
  return read;
}

class SlowStoreSpeed : public ::testing::Test {
 protected:
  SlowStoreSpeed() {
    const auto start = steady_clock::now();
    Store store(path_, StoreUse::create);
    Import import(store, "made up");
    const Random random(key_of("coco"));
    const int64_t folder = import.folder(folder_ / "images");
    Category category;
    for (int i = 0; i < 80; ++i) {
      category.name = concat("category ", i);
      import.category(category);
    }
    ImageRecord image;
    image.folder = folder;
    image.size = {.width = 640, .height = 480};
    Annotation box;
    for (int i = 0; i < 54; ++i) box.segmentation += concat(i == 0 ? "[[" : ",", 100 + i, ".25");
    box.segmentation += "]]";
    for (int64_t i = 0, at = 0; i < images; ++i) {
      image.path = fixed(1e11 + static_cast<double>(i), 0) + ".jpg";
      box.image = import.image(image);
      for (; at < (i + 1) * boxes / images; ++at) {
        const auto number = static_cast<uint64_t>(5 * at);
        const auto part = [&](uint64_t which) { return 320 * random.uniform(number + which); };
        box.category = 1 + random.below(number, 80);
        box.box = BoundingBox{part(1), part(2), part(3), part(4)};
        box.area = box.box->width * box.box->height;
        box.source_id = at;
        import.annotation(box);
      }
    }
    import.commit();
    std::cout << "imported " << images << " images and " << boxes << " boxes in "
              << fixed(seconds_since(start), 1) << " s\n";
  }

  testing::Folder folder_;
  std::string path_ = folder_ / "coco.db";
};

TEST_F(SlowStoreSpeed, ReadsFasterThanPythonWhilePeopleLabel) {
  std::atomic<bool> done = false;
  std::atomic<int> labels = 0;
  std::thread writer([&] {
    Store store(path_, StoreUse::write);
    Annotation label;
    label.image = label.category = 1;
    label.box = BoundingBox{1, 2, 3, 4};
    for (auto next = steady_clock::now(); !done; std::this_thread::sleep_until(next)) {
      store.put_label(label, "ann");
      ++labels;
      next += std::chrono::microseconds(22'222);  // 45 a second
    }
  });
  const auto start = steady_clock::now();
  const Store store(path_, StoreUse::read);
  const Snapshot snapshot(store);
  std::vector<double> by_sql, by_snapshot, rates;
  for (int pair = 0; pair < 7; ++pair) {
    const int64_t reads = 20'000, times = 20;
    const Read ours = read_store(store, reads), held = read_snapshot(snapshot, times * reads),
               python = read_python(path_, reads);
    EXPECT_EQ(ours.boxes, python.boxes);
    EXPECT_EQ(ours.widths, python.widths);
    EXPECT_EQ(read_snapshot(snapshot, reads).widths, python.widths);
    EXPECT_GT(held.boxes, python.boxes);
    EXPECT_GT(held.widths, python.widths);
    by_sql.push_back(python.seconds / ours.seconds);
    by_snapshot.push_back(python.seconds / (held.seconds / times));
    rates.push_back(reads / ours.seconds);
  }
  done = true;
  writer.join();
  std::cout << "image and boxes at random, " << fixed(labels / seconds_since(start), 0)
            << " labels/s beside: " << fixed(median(by_sql), 2) << " times Python's sqlite3 by SQL ("
            << with_separators(static_cast<int64_t>(median(rates))) << "/s), "
            << fixed(median(by_snapshot), 0) << " times from a snapshot\n";
  EXPECT_GE(median(by_sql), 1.5);
  EXPECT_GE(median(by_snapshot), 20);
}

TEST_F(SlowStoreSpeed, TakesFortyBytesAnImageAndThirtyABox) {
  const Store store(path_, StoreUse::read);
  const size_t before = resident_bytes();
  const auto start = steady_clock::now();
  const Snapshot snapshot(store);
  const double seconds = seconds_since(start);
  const auto grown = static_cast<double>(resident_bytes() - before);
  const double expected = static_cast<double>(images * (40 + path_bytes) + boxes * 32);
  std::cout << "a snapshot takes " << fixed(seconds, 2) << " s and " << fixed(grown / 1e6, 1)
            << " MB, that is " << fixed((grown - boxes * 32.0) / images, 0)
            << " bytes an image and 32 a box\n";
  EXPECT_EQ(snapshot.size(), static_cast<size_t>(images));
  EXPECT_LE(grown, 1.2 * expected);
}

}  // namespace
}  // namespace dlfs
