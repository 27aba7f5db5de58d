// Images made by a formula, and what becomes of them when drawn samples are rendered. Any thread.
#pragma once

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "dlfs/base/random.h"
#include "dlfs/data/augment/render.h"

namespace dlfs::testing {

// Byte i is bits(i) >> 56, as in tools/golden_resize.py.
inline Image noise(Size size, int channels, const std::string& key) {
  const Random random(key_of(key));
  Image image{.size = size, .channels = channels, .pixels = {}};
  image.pixels.resize(static_cast<size_t>(size.width) * size.height * channels);
  for (size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = static_cast<uint8_t>(random.bits(i) >> 56);
  return image;
}

inline uint64_t hash_of(const std::vector<uint8_t>& bytes) {
  return key_of({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

// A window of an image, as if it had been decoded: at full size, with 1 or 4 bytes a pixel.
inline Decoded decoded(const Image& image, Box window) {
  const int bytes = image.channels == 1 ? 1 : 4;
  Decoded result{.image = {.size = {window.width, window.height}, .channels = bytes, .pixels = {}},
                 .covers = window,
                 .scale = 1};
  result.image.pixels.resize(static_cast<size_t>(window.width) * window.height * bytes);
  for (int y = 0; y < window.height; ++y)
    for (int x = 0; x < window.width; ++x)
      std::memcpy(&result.image.pixels[(static_cast<size_t>(y) * window.width + x) * bytes],
                  &image.pixels[(static_cast<size_t>(y + window.y) * image.size.width + x + window.x) *
                                image.channels],
                  static_cast<size_t>(image.channels));
  return result;
}
inline Decoded decoded(const Image& image) {
  return decoded(image, {0, 0, image.size.width, image.size.height});
}

inline Recipe recipe_of(Size slot, int channels, std::vector<Transform> transforms = {}) {
  Recipe recipe;
  recipe.transforms = std::move(transforms);
  recipe.slot = slot;
  recipe.channels = channels;
  return recipe;
}

// Images of random sizes, with random boxes on whole pixels.
struct ImageSet : Subjects {
  struct Member {
    Size size;
    std::vector<SnapshotBox> boxes;
  };
  std::vector<Member> members;

  struct Settings {
    int count = 12, least_side = 60, most_side = 300, most_boxes = 5;
  };
  ImageSet(const std::string& key, const Settings& settings) {
    const Random random(key_of(key));
    uint64_t counter = 0;
    const auto number = [&](int least, int most) {
      return least + static_cast<int>(random.below(counter++, static_cast<uint32_t>(most - least + 1)));
    };
    for (int i = 0; i < settings.count; ++i) {
      Member member;
      member.size.width = number(settings.least_side, settings.most_side);
      member.size.height = number(settings.least_side, settings.most_side);
      for (int boxes = number(0, settings.most_boxes); boxes > 0; --boxes) {
        SnapshotBox box;
        const int left = number(0, member.size.width - 20), top = number(0, member.size.height - 20);
        box.box = {.x = static_cast<float>(left),
                   .y = static_cast<float>(top),
                   .width = static_cast<float>(number(10, member.size.width - left)),
                   .height = static_cast<float>(number(10, member.size.height - top))};
        box.label = number(0, 79);
        box.id = i * 100 + boxes;
        member.boxes.push_back(box);
      }
      members.push_back(member);
    }
  }
  uint32_t count() const override { return static_cast<uint32_t>(members.size()); }
  Subject subject(uint32_t image) const override {
    const Member& member = members[image];
    return {.size = member.size, .boxes = member.boxes, .label = static_cast<int32_t>(image)};
  }
};

template <typename Decode>  // Decoded(const Part&)
std::vector<uint8_t> rendered(const Recipe& recipe, const Drawn& drawn, Decode decode) {
  std::vector<uint8_t> out(static_cast<size_t>(recipe.slot.width) * recipe.slot.height * recipe.channels);
  Renderer renderer;
  renderer.begin(recipe, drawn, out);
  for (const Part& part : drawn.parts) renderer.show(part, decode(part));
  return out;
}

// One part of an output, the rest of it filled.
inline std::vector<uint8_t> shown(const Part& part, const Decoded& decoded, Size size, int channels) {
  Drawn drawn;
  drawn.size = size;
  drawn.parts = {part};
  return rendered(recipe_of(size, channels), drawn, [&](const Part&) -> const Decoded& { return decoded; });
}

}  // namespace dlfs::testing
