// The 128 photographs of coco128 as samples are made of them, and what the CPU makes of a sample. One thread, but files and
// sizes are any's.
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "dlfs/base/file.h"
#include "dlfs/data/augment/render.h"
#include "dlfs/data/loader/jpeg_batches.h"

namespace dlfs::testing {

class Photos : public Subjects {
 public:
  explicit Photos(const std::string& folder) {
    for (const auto& entry : std::filesystem::directory_iterator(folder + "/train2017"))
      images_.push_back({{}, entry.path()});
    std::sort(images_.begin(), images_.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    files_.reserve(images_.size());
    for (EncodedImage& image : images_) {
      image.file = files_.emplace_back(read_file(image.name));
      sizes_.push_back(inspect_image(image.file, image.name).size);
    }
  }

  uint32_t count() const override { return static_cast<uint32_t>(images_.size()); }
  Subject subject(uint32_t image) const override { return {.size = sizes_[image], .boxes = {}, .label = 0}; }
  const EncodedImage& image(uint32_t index) const { return images_[index]; }

  EncodedSample sample(const Drawn& drawn) const {
    EncodedSample made{.drawn = &drawn, .images = {}};
    for (const Part& part : drawn.parts) made.images.push_back(images_[part.image]);
    return made;
  }

 private:
  std::vector<Bytes> files_;
  std::vector<EncodedImage> images_;
  std::vector<Size> sizes_;
};

// Samples of a recipe: image after image, again and again.
inline std::vector<Drawn> drawn_samples(const Recipe& recipe, const Subjects& subjects, int count) {
  std::vector<Drawn> all;
  all.reserve(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i)
    all.push_back(draw(recipe, subjects, static_cast<uint32_t>(i) % subjects.count(), sample_key(1, 0, i)));
  return all;
}

// [slot.height,slot.width,channels]; at full scale, with no shortcut, where it is asked for.
inline std::vector<uint8_t> rendered(const Recipe& recipe, const EncodedSample& sample,
                                     bool full_scale = false) {
  std::vector<uint8_t> pixels(static_cast<size_t>(recipe.slot.width) * recipe.slot.height * recipe.channels);
  Renderer renderer;
  renderer.begin(recipe, *sample.drawn, pixels);
  for (size_t i = 0; i < sample.images.size(); ++i) {
    const auto& [file, name] = sample.images[i];
    const Part& part = sample.drawn->parts[i];
    DecodeRequest request = request_for(part, inspect_image(file, name).size, recipe.channels);
    if (full_scale) request.at_least.reset();
    Decoded decoded;
    decode_image(file, name, request, decoded);
    renderer.show(part, decoded);
  }
  return pixels;
}

}  // namespace dlfs::testing
