// A few images in MNIST's format, made by a formula: enough for a whole training in a fraction of a second. Any thread.
#pragma once

#include <string>

#include "dlfs/base/file.h"
#include "dlfs/base/random.h"
#include "dlfs/data/idx.h"
#include "dlfs/data/loader/source.h"

namespace dlfs::testing {

struct SmallData {
  uint32_t count = 128, tests = 64, height = 28, width = 28;
  uint32_t classes = 10, test_classes = 10;
};

// The header of an idx file of bytes.
inline std::string idx_header(const std::vector<uint32_t>& sizes) {
  std::string text = {0, 0, 8, static_cast<char>(sizes.size())};
  for (const uint32_t size : sizes)
    for (const int shift : {24, 16, 8, 0}) text += static_cast<char>(size >> shift);
  return text;
}

// Image i shows noise above a bright bar whose place is its label, i % classes.
inline LabelledImages small_images(const SmallData& data, Split split) {
  const bool train = split == Split::train;
  const uint32_t count = train ? data.count : data.tests, classes = train ? data.classes : data.test_classes;
  LabelledImages images{.count = static_cast<int>(count),
                        .height = static_cast<int>(data.height),
                        .width = static_cast<int>(data.width),
                        .pixels = {},
                        .labels = {}};
  const Random random(key_of(train ? "small train" : "small test"));
  for (uint32_t i = 0; i < count; ++i) {
    images.labels.push_back(static_cast<uint8_t>(i % classes));
    for (uint32_t at = 0; at < data.height * data.width; ++at) {
      const bool bar = at / data.width / 2 == i % classes + 2;
      const float noise = random.uniform(uint64_t{i} * data.height * data.width + at);
      images.pixels.push_back(static_cast<uint8_t>(bar ? 255 : 100 * noise));
    }
  }
  return images;
}

inline std::shared_ptr<const MemorySource> small_source(const SmallData& data, Split split) {
  return std::make_shared<const MemorySource>(
      small_images(data, split), std::vector<std::string>{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"});
}

inline void write_small_data(const std::string& folder, const SmallData& data = {}) {
  make_directories(folder);
  for (const Split split : {Split::train, Split::test}) {
    const LabelledImages images = small_images(data, split);
    const std::string start = folder + (split == Split::train ? "/train" : "/t10k");
    const auto count = static_cast<uint32_t>(images.count);
    write_file(start + "-images-idx3-ubyte", idx_header({count, data.height, data.width}) +
                                                 std::string(images.pixels.begin(), images.pixels.end()));
    write_file(start + "-labels-idx1-ubyte",
               idx_header({count}) + std::string(images.labels.begin(), images.labels.end()));
  }
}

}  // namespace dlfs::testing
