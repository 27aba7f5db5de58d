// The canvas that a sample is drawn on, transform by transform: which parts of which images it shows, and which boxes lie
// on them. Boxes stay what they are in their image, and are looked at through the whole map: so nothing is lost by a
// chain of transforms, and a box under a turned edge is as tight as the pixels. Any thread, one canvas each.
#pragma once

#include <vector>

#include "dlfs/data/augment/draw.h"

namespace dlfs {

Affine compose(const Affine& outer, const Affine& inner);  // outer(inner(point))
Affine inverse(const Affine& map);

struct Piece {
  Part part;     // its `where` is set at last
  Extent where;  // of the canvas, exactly
};

struct Marked {
  SnapshotBox box;  // of the image
  size_t piece = 0;
};

struct Canvas {
  Size size;
  std::vector<Piece> pieces;
  std::vector<Marked> boxes;
};

Canvas canvas_of(uint32_t image, const Subject& subject);

// The canvas becomes one of this size, whose points lie at to_old(point) of the present one.
void look_through(Canvas& canvas, const Affine& to_old, Size size);
void stretch(Canvas& canvas, Size to);
void cut(Canvas& canvas, Box window);  // which may reach beyond

struct Visible {
  Extent extent;    // on the canvas
  double part = 0;  // of the box's area; 0 where nothing is seen
};
Visible visible(const Canvas& canvas, const Marked& box);

}  // namespace dlfs
