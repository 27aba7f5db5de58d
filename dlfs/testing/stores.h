// Annotation stores for tests: contents made of random numbers, put into a store, and compared. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dlfs/data/store/import.h"
#include "dlfs/data/store/snapshot.h"

namespace dlfs::testing {

struct ContentSettings {
  uint64_t seed = 0;
  int64_t images = 10;
  int64_t categories = 5;
  uint32_t most_boxes = 8;  // of one image; the mean is half of it
  bool source_ids = true;
  bool segmentations = true;
};

// What a store should hold: ids are those that an import into an empty store gives; deleted annotations there are none.
struct Contents {
  std::vector<Category> categories;
  std::vector<ImageWithBoxes> images;
  size_t annotations() const;
};

Contents random_contents(const ContentSettings& settings);
ImportCounts fill(Store& store, const std::string& image_folder, const Contents& contents);
std::vector<ImageWithBoxes> all_of(const Store& store);
void expect_equal(const std::vector<ImageWithBoxes>& found, const std::vector<ImageWithBoxes>& expected);
// All that they hold, for comparing.
std::string words_of(const Annotation& annotation);
std::string words_of(const Snapshot& snapshot);

}  // namespace dlfs::testing
