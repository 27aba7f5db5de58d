// The pixels of a drawn sample, in arithmetic of integers: equal on every machine that decodes equally. Shrinking averages
// (a triangle filter as wide as the step, as Pillow's bilinear does, and with its numbers), growing interpolates. Any
// thread; a Renderer is its owner's, and keeps its memory from sample to sample.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "dlfs/data/augment/draw.h"
#include "dlfs/data/augment/resample.h"

namespace dlfs {

class Renderer {
 public:
  // out [slot.height,slot.width,channels]: the fill everywhere, zeros outside of drawn.size. The recipe and
  // `out` are used until the last part is shown; parts are shown in their order.
  void begin(const Recipe& recipe, const Drawn& drawn, std::span<uint8_t> out);
  // `decoded` is what request_for(part) asked for; its image has 1 channel, or 4 where the recipe wants 3.
  void show(const Part& part, const Decoded& decoded);

 private:
  struct Lines {
    const uint8_t* first = nullptr;
    size_t stride = 0;
  };
  Lines lines_across(const Image& image);

  const Recipe* recipe_ = nullptr;
  std::span<uint8_t> out_;
  std::vector<uint8_t> rows_, line_, last_row_;  // between the passes, after them, and before
  Taps across_, down_;
};

// A whole image to another size, as the recipe Stretch does it. [height,width,channels], channels 1 or 3
Image resized(const Image& image, Size to);

}  // namespace dlfs
