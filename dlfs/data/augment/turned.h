// The pixels of a part whose map turns or shears: interpolated between the four of the source about a point, in whole
// numbers (places of 32 bits behind the point, weights of 8). Where it shrinks by more than two, each is the mean of
// several. Any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "dlfs/data/augment/draw.h"

namespace dlfs {

class Turned {
 public:
  Turned(const Part& part, const Decoded& decoded);

  struct Run {  // of the pixels of a row of part.where that show the image
    int first = 0, count = 0;
  };
  // Row `y` of part.where, from the run's first pixel on, with as many bytes a pixel as the image has.
  Run row(int y, uint8_t* to) const;

 private:
  struct Place {
    int64_t x = 0, y = 0;  // times 2^32, in pixels as they were decoded
  };
  Place place(double x, double y) const;
  uint64_t sample(Place at) const;
  uint64_t mean(Place center) const;

  const Image& image_;
  Box where_;
  Affine map_;                 // to pixels of this size, counted from the source's corner
  Place corner_;               // of what was decoded
  Place right_;                // a step in the output
  Place begin_, end_;          // of what is shown
  std::vector<Place> beside_;  // the places of a pixel that are taken, from its middle
};

}  // namespace dlfs
