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

// One part of an output, the rest of it filled.
inline std::vector<uint8_t> shown(const Part& part, const Decoded& decoded, Size size, int channels) {
  const Recipe recipe = recipe_of(size, channels);
  Drawn drawn;
  drawn.size = size;
  std::vector<uint8_t> out(static_cast<size_t>(size.width) * size.height * channels);
  Renderer renderer;
  renderer.begin(recipe, drawn, out);
  renderer.show(part, decoded);
  return out;
}

}  // namespace dlfs::testing
