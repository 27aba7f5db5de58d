// Images for people to look at, with boxes in the colours of their classes. Any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "dlfs/data/augment/draw.h"
#include "dlfs/data/image.h"
#include "dlfs/data/picture.h"

namespace dlfs {

Color class_color(int32_t label);  // neighbours differ much; white letters can be read on each

// As large as fits, never more than doubled and redoubled pixels. requires: an image of 1 or 3 channels.
Picture fitted(const Image& image, Size within);

// `image` is the size that the boxes are of. Each is a frame two pixels wide inside of its outermost pixels, with its
// name above; those that are crowds are dotted.
struct Labelled {
  Size image;
  std::span<const SnapshotBox> boxes;
  std::span<const std::string> names;  // by label
};
void draw_boxes(Picture& picture, const Labelled& labelled);

// What `prepare` makes of a sample, short of normalising: `pixels` [slot.height,slot.width,channels] flipped, coloured,
// and gray where something is erased; cut to the sample.
Image as_seen(const Recipe& recipe, const Drawn& drawn, std::span<const uint8_t> pixels);

}  // namespace dlfs
