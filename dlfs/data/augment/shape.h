// What each transform of the shape does to a canvas, given the random numbers of its own place in the recipe. The rules
// of drawing are those of torchvision (Detectron2's for ShortestEdge); crops lie on whole pixels, as there. Any thread.
//
// exp, log, sin and cos end in different bits from one C library to another. What comes of them is rounded (aspects to
// 2^-16, sines to 2^-20), so that the same recipe draws the same everywhere: one of some 2^30 numbers might not.
#pragma once

#include "dlfs/base/random.h"
#include "dlfs/data/augment/canvas.h"

namespace dlfs {

double between(double least, double most, double uniform);
double log_between(double least, double most, double uniform);  // the logarithm is uniform

struct Angle {
  double sine = 0, cosine = 1;
};
Angle turn_by(double degrees);

void apply(const Stretch& t, Canvas& canvas, const Random& random);
void apply(const ShortestEdge& t, Canvas& canvas, const Random& random);
void apply(const Letterbox& t, Canvas& canvas, const Random& random);
void apply(const CenterCrop& t, Canvas& canvas, const Random& random);
void apply(const RandomFlip& t, Canvas& canvas, const Random& random);
void apply(const RandomCrop& t, Canvas& canvas, const Random& random);
void apply(const RandomResizedCrop& t, Canvas& canvas, const Random& random);
void apply(const IouCrop& t, Canvas& canvas, const Random& random);
void apply(const ZoomOut& t, Canvas& canvas, const Random& random);
void apply(const RandomAffine& t, Canvas& canvas, const Random& random);

// As large as fits into a corner's share of the canvas `to`: one image of a mosaic. Where the four meet is `middle`.
struct Tile {
  Size to;
  int middle_x = 0, middle_y = 0;
  int column = 0, row = 0;
};
void apply(const Tile& tile, Canvas& canvas);

}  // namespace dlfs
