#include "dlfs/data/review/twins.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <unordered_map>

#include "dlfs/data/review/perceptual_hash.h"

namespace dlfs {
namespace {

class Search {
 public:
  explicit Search(std::span<const Likeness> images) : images_(images), order_(images.size()) {
    std::iota(order_.begin(), order_.end(), 0);
  }

  // Equal files; those that are left are each the first of its kind.
  void find_equal() {
    std::vector<uint32_t> firsts;
    for_each_run([](const Likeness& image) { return image.digest; },
                 [&](std::span<const uint32_t> run) {
                   firsts.push_back(run[0]);
                   for (const uint32_t image : run.subspan(1)) add(run[0], image, true);
                 });
    order_ = std::move(firsts);
  }

  // Images with equal hashes, then those whose hashes are near: of each hash the first image of each split is enough.
  void find_alike() {
    std::erase_if(order_, [&](uint32_t image) { return !images_[image].looks; });
    std::vector<uint64_t> hashes;
    std::vector<std::array<uint32_t, 4>> firsts;
    for_each_run([](const Likeness& image) { return *image.looks; },
                 [&](std::span<const uint32_t> run) {
                   hashes.push_back(*images_[run[0]].looks);
                   firsts.push_back({nobody, nobody, nobody, nobody});
                   for (const uint32_t image : run) {
                     uint32_t& first = firsts.back()[static_cast<size_t>(images_[image].split)];
                     first = std::min(first, image);
                     if (image != run[0]) add(run[0], image, false);
                   }
                 });
    for_each_alike(hashes, [&](uint32_t a, uint32_t b) {
      for (const uint32_t one : firsts[a])
        for (const uint32_t other : firsts[b])
          if (one != nobody && other != nobody)
            precedes(one, other) ? add(one, other, false) : add(other, one, false);
    });
  }

  std::vector<Twin> take() {
    std::vector<Twin> all;
    for (const auto& [image, twin] : twins_) all.push_back(twin);
    std::sort(all.begin(), all.end(), [](const Twin& a, const Twin& b) { return a.image < b.image; });
    return all;
  }

 private:
  static constexpr uint32_t nobody = ~0U;

  // In the order of splits, so that those of train are named as what was there before.
  bool precedes(uint32_t a, uint32_t b) const {
    return images_[a].split != images_[b].split ? images_[a].split < images_[b].split : a < b;
  }

  // Calls `take` with the images of each key, those of train first.
  template <typename Key, typename Take>
  void for_each_run(const Key& key, const Take& take) {
    std::sort(order_.begin(), order_.end(), [&](uint32_t a, uint32_t b) {
      return key(images_[a]) != key(images_[b]) ? key(images_[a]) < key(images_[b]) : precedes(a, b);
    });
    for (size_t start = 0, end = 0; start < order_.size(); start = end) {
      while (end < order_.size() && key(images_[order_[end]]) == key(images_[order_[start]])) ++end;
      take(std::span<const uint32_t>(order_).subspan(start, end - start));
    }
  }

  void add(uint32_t other, uint32_t image, bool equal) {
    const Split a = images_[other].split, b = images_[image].split;
    const Twin twin{.image = image, .other = other, .equal = equal, .leak = a != b && b != Split::none};
    const auto [known, is_new] = twins_.try_emplace(image, twin);
    // What search gave first does not matter: a leak goes before others, then the first twin.
    Twin& old = known->second;
    if (!is_new && !old.equal && (twin.leak != old.leak ? twin.leak : precedes(twin.other, old.other)))
      old = twin;
  }

  std::span<const Likeness> images_;
  std::vector<uint32_t> order_;
  std::unordered_map<uint32_t, Twin> twins_;
};

}  // namespace

std::vector<Twin> find_twins(std::span<const Likeness> images) {
  Search search(images);
  search.find_equal();
  search.find_alike();
  return search.take();
}

}  // namespace dlfs
