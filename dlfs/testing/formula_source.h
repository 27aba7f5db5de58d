// Images made by a formula, with boxes and labels, behind the interface that stores have: for tests of what draws from
// sources. Which of them cannot be read, and when a thread is hit by something worse, is the test's to say. Any thread.
#pragma once

#include <atomic>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "dlfs/base/random.h"
#include "dlfs/data/loader/source.h"

namespace dlfs::testing {

struct FormulaSettings {
  uint32_t count = 100;
  int classes = 5;
  Size least = {24, 20}, most = {48, 40};
};

class FormulaSource : public Source {
 public:
  explicit FormulaSource(const FormulaSettings& settings = {})
      : Source(std::vector<std::string>(settings.classes, "class")), settings_(settings) {
    for (uint32_t i = 0; i < settings.count; ++i) {
      const Random random(combine(key_of("formula source"), i));
      const auto between = [&](uint64_t at, int low, int high) {
        return low + static_cast<int>(random.below(at, high - low + 1));
      };
      const Size size{between(0, settings.least.width, settings.most.width),
                      between(1, settings.least.height, settings.most.height)};
      sizes_.push_back(size);
      std::vector<SnapshotBox>& boxes = boxes_.emplace_back();
      for (int b = between(2, 0, 3); b > 0; --b) {
        const int x = between(10 * b, 0, size.width - 4), y = between(10 * b + 1, 0, size.height - 4);
        const int width = between(10 * b + 2, 2, size.width - x),
                  height = between(10 * b + 3, 2, size.height - y);
        boxes.push_back({.box = {static_cast<float>(x), static_cast<float>(y), static_cast<float>(width),
                                 static_cast<float>(height)},
                         .label = between(10 * b + 4, 0, settings.classes - 1),
                         .crowd = false,
                         .id = b});
      }
    }
  }

  uint32_t count() const override { return settings_.count; }
  Subject subject(uint32_t image) const override {
    return {.size = sizes_[image],
            .boxes = boxes_[image],
            .label = static_cast<int32_t>(image % settings_.classes)};
  }
  std::string name(uint32_t image) const override { return concat("formula ", image); }

  void load(uint32_t image, const DecodeRequest& request, Bytes&, Decoded& into) const override {
    ++loads;
    if (before_load) before_load(image);
    const Size size = sizes_[image];
    into.covers = {0, 0, size.width, size.height};
    into.whole = into.image.size = size;
    into.scale = 1;
    into.image.channels = request.channels;
    into.image.pixels.resize(static_cast<size_t>(size.width) * size.height * request.channels);
    for (size_t i = 0; i < into.image.pixels.size(); ++i)
      into.image.pixels[i] = static_cast<uint8_t>(mix(image * 1000003 + i / 7));
  }

  std::function<void(uint32_t)> before_load;  // may throw
  mutable std::atomic<int64_t> loads = 0;

 private:
  FormulaSettings settings_;
  std::vector<Size> sizes_;
  std::vector<std::vector<SnapshotBox>> boxes_;
};

}  // namespace dlfs::testing
