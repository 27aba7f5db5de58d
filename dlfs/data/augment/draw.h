// One sample of a recipe, drawn: which pixels of which images go where, and where the boxes are then. Drawing looks at
// sizes and boxes, never at pixels. Each random number is a function of (seed, epoch, sample, operation), so a sample is
// the same whoever draws it, and whenever.
//
// All changes of shape are composed into one map from the output to the source, so that pixels are resampled once, and
// only those of the source that are seen need to be decoded. Any thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "dlfs/data/augment/recipe.h"
#include "dlfs/data/codec/decode.h"
#include "dlfs/data/store/snapshot.h"
#include "dlfs/ops/prepare/prepare.h"

namespace dlfs {

// (x, y) -> (a x + b y + c, d x + e y + f), of points; a pixel's center lies at + 0.5.
struct Affine {
  double a = 1, b = 0, c = 0, d = 0, e = 1, f = 0;
  bool is_axis_aligned() const { return b == 0 && d == 0; }
};

struct Extent {  // a rectangle whose edges may lie within pixels
  double left = 0, top = 0, right = 0, bottom = 0;
};

struct Subject {
  Size size;  // upright
  std::span<const SnapshotBox> boxes;
  int32_t label = -1;
};

class Subjects {  // the images that a sample may be made of
 public:
  virtual ~Subjects() = default;
  virtual uint32_t count() const = 0;
  virtual Subject subject(uint32_t image) const = 0;
};

struct Part {  // a rectangle of the output that shows an image
  uint32_t image = 0;
  Box where = {};         // of the output
  Affine to_source = {};  // from the output to the image
  int weight = 256;       // of 256, over what the parts before it have drawn
  Extent shown = {};      // of the image: where the map turns or shears, `where` is the rectangle about it
};

struct Drawn {
  Size size;                       // of the output, at most the slot's
  std::vector<Part> parts;         // where none is, there is the fill
  std::vector<SnapshotBox> boxes;  // in pixels of the output, cut to it
  int32_t label = -1, second_label = -1;
  float second_weight = 0;  // mixup's, of the second label
  Look look;
};

Drawn draw(const Recipe& recipe, const Subjects& subjects, uint32_t image, uint64_t key);

// key = sample_key(seed, epoch, position)
uint64_t sample_key(uint64_t seed, int64_t epoch, int64_t position);

// What has to be decoded for a part: the window that it shows, at the least size that loses nothing.
DecodeRequest request_for(const Part& part, Size source, int channels);

}  // namespace dlfs
