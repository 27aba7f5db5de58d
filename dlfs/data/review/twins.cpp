#include "dlfs/data/review/twins.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>

namespace dlfs {
namespace {

class Search {
 public:
  explicit Search(std::span<const Likeness> images) : images_(images) {
    for (uint32_t i = 0; i < images.size(); ++i)
      if (images[i].known) order_.push_back(i);
  }

  // Equal files; those that are left are each the first of its kind.
  void find_equal() {
    const auto by_digest = [&](uint32_t a, uint32_t b) {
      const int order = std::memcmp(images_[a].digest.data(), images_[b].digest.data(), sizeof(Digest));
      return order != 0 ? order < 0 : precedes(a, b);
    };
    std::sort(order_.begin(), order_.end(), by_digest);
    std::vector<uint32_t> firsts;
    for (const uint32_t image : order_)
      if (firsts.empty() || images_[image].digest != images_[firsts.back()].digest)
        firsts.push_back(image);
      else
        add(firsts.back(), image, true);
    order_ = std::move(firsts);
  }

  void find_alike() {
    std::erase_if(order_, [&](uint32_t image) { return !images_[image].looks; });
    std::vector<const Looks*> looks;
    for (const uint32_t image : order_) looks.push_back(&*images_[image].looks);
    for_each_alike(looks, [&](uint32_t a, uint32_t b) {
      const uint32_t one = order_[a], other = order_[b];
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
  // In the order of splits, so that those of train are named as what was there before.
  bool precedes(uint32_t a, uint32_t b) const {
    return images_[a].split != images_[b].split ? images_[a].split < images_[b].split : a < b;
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
