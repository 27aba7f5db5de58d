// A contact sheet of a store for a browser: images by chance, each as it is stored and as a network will see it, with
// their boxes. One call at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "dlfs/data/augment/recipe.h"
#include "dlfs/data/store/store.h"

namespace dlfs {

struct BrowseRequest {
  std::string out;                  // a folder to be made, or an empty one
  std::optional<Split> split = {};  // of any
  std::string category = {};        // only images that show it; "" for any
  int count = 60;
  uint64_t seed = 1;  // of which images are shown, and of what happens to them
  Recipe recipe;
  std::string recipe_words = {};  // to people: "letterbox,flip"
};

struct BrowseCounts {
  int64_t shown = 0, of = 0, unreadable = 0;
};

// Throws UsageError where there is no such class or image.
BrowseCounts browse(const Store& store, const BrowseRequest& request);

}  // namespace dlfs
