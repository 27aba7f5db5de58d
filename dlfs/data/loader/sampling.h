// In which order images are seen: a function of (seed, epoch) alone, so that all that has to be kept of it is two
// integers and a position. Any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "dlfs/data/loader/source.h"

namespace dlfs {

enum class Order : uint8_t {
  in_order,        // every image once
  shuffled,        // every image once, by chance
  class_balanced,  // a class by chance, then one of its images: as many samples as there are images
  repeat_factor,   // images of rare classes more often: Gupta et al., "LVIS", 2019
  mixed,           // sources one behind another in a MixedSource, each by its weight
};

struct MixShare {
  uint32_t images = 0;  // of one source
  float weight = 1;     // how often it is drawn from, beside the others'
};

struct Sampling {
  Order order = Order::shuffled;
  uint64_t seed = 1;
  std::vector<MixShare> mix = {};  // of Order::mixed
  float rare = 0.001F;             // repeat_factor: classes in less than this part of the images are rare
  int rank = 0, ranks = 1;         // each rank sees its share, of equal length; what is left over is not seen
};

// The images of one epoch, in their order.
std::vector<uint32_t> epoch_images(const Sampling& sampling, const Subjects& subjects, int64_t epoch);

// The order of an epoch of training: all images, shuffled.
std::vector<uint32_t> epoch_order(uint32_t count, uint64_t seed, int64_t epoch);

}  // namespace dlfs
