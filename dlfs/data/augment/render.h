// The pixels of a drawn sample, in arithmetic of integers: equal on every machine that decodes equally. Shrinking averages
// (a triangle filter as wide as the step, as Pillow's bilinear does, and with its numbers), growing interpolates. Any
// thread; a Renderer is its owner's, and keeps its memory from sample to sample.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "dlfs/data/augment/draw.h"

namespace dlfs {

class Renderer {
 public:
  // out [slot.height,slot.width,channels]: the fill everywhere, zeros outside of drawn.size.
  void begin(const Recipe& recipe, const Drawn& drawn, std::span<uint8_t> out);
  // `decoded` is what request_for(part) asked for; its image has 1 channel, or 4 where the recipe wants 3.
  void show(const Part& part, const Decoded& decoded);

 private:
  const Recipe* recipe_ = nullptr;
  std::span<uint8_t> out_;
  std::vector<uint8_t> rows_;     // between the two passes
  std::vector<int32_t> weights_;  // of taps
  std::vector<int32_t> bounds_;
};

// A whole image to another size, as the recipe Stretch does it. [height,width,channels], channels 1 or 3
Image resized(const Image& image, Size to);

}  // namespace dlfs
