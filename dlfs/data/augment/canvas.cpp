#include "dlfs/data/augment/canvas.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace dlfs {
namespace {

struct Corner {
  double x = 0, y = 0;
};

Corner operator*(const Affine& map, Corner at) {
  return {map.a * at.x + map.b * at.y + map.c, map.d * at.x + map.e * at.y + map.f};
}

// Convex: a rectangle through a map, then cut by up to four lines.
struct Polygon {
  std::array<Corner, 8> corners;
  size_t size = 0;

  void add(Corner corner) { corners[size++] = corner; }
};

Polygon through(const Affine& map, const Extent& e) {
  return {{map * Corner{e.left, e.top}, map * Corner{e.right, e.top}, map * Corner{e.right, e.bottom},
           map * Corner{e.left, e.bottom}},
          4};
}

// What lies on the inner side of one line (Sutherland and Hodgman, 1974): at least `limit` along `axis`, or at most.
Polygon cut_by(const Polygon& from, double Corner::*axis, double limit, bool at_least) {
  Polygon kept;
  const auto inside = [&](Corner c) { return at_least ? c.*axis >= limit : c.*axis <= limit; };
  for (size_t i = 0; i < from.size; ++i) {
    const Corner here = from.corners[i], next = from.corners[(i + 1) % from.size];
    if (inside(here)) kept.add(here);
    if (inside(here) == inside(next)) continue;
    const double t = (limit - here.*axis) / (next.*axis - here.*axis);
    Corner cross{here.x + t * (next.x - here.x), here.y + t * (next.y - here.y)};
    cross.*axis = limit;
    kept.add(cross);
  }
  return kept;
}

Polygon cut_to(Polygon polygon, const Extent& e) {
  polygon = cut_by(polygon, &Corner::x, e.left, true);
  polygon = cut_by(polygon, &Corner::x, e.right, false);
  polygon = cut_by(polygon, &Corner::y, e.top, true);
  return cut_by(polygon, &Corner::y, e.bottom, false);
}

// requires: the polygon is not empty
Extent extent_of(const Polygon& polygon) {
  Extent e{polygon.corners[0].x, polygon.corners[0].y, polygon.corners[0].x, polygon.corners[0].y};
  for (size_t i = 1; i < polygon.size; ++i) {
    const Corner at = polygon.corners[i];
    e = {std::min(e.left, at.x), std::min(e.top, at.y), std::max(e.right, at.x), std::max(e.bottom, at.y)};
  }
  return e;
}

double area_of(const Polygon& polygon) {
  double twice = 0;
  for (size_t i = 0; i < polygon.size; ++i) {
    const Corner here = polygon.corners[i], next = polygon.corners[(i + 1) % polygon.size];
    twice += here.x * next.y - next.x * here.y;
  }
  return std::abs(twice) / 2;
}

Extent common(const Extent& a, const Extent& b) {
  return {std::max(a.left, b.left), std::max(a.top, b.top), std::min(a.right, b.right),
          std::min(a.bottom, b.bottom)};
}

bool is_empty(const Extent& e) { return !(e.left < e.right && e.top < e.bottom); }

Extent whole(Size size) { return {0, 0, static_cast<double>(size.width), static_cast<double>(size.height)}; }

}  // namespace

Affine compose(const Affine& outer, const Affine& inner) {
  return {.a = outer.a * inner.a + outer.b * inner.d,
          .b = outer.a * inner.b + outer.b * inner.e,
          .c = outer.a * inner.c + outer.b * inner.f + outer.c,
          .d = outer.d * inner.a + outer.e * inner.d,
          .e = outer.d * inner.b + outer.e * inner.e,
          .f = outer.d * inner.c + outer.e * inner.f + outer.f};
}

Affine inverse(const Affine& m) {
  if (m.is_axis_aligned())
    return {.a = 1 / m.a, .b = 0, .c = -m.c / m.a, .d = 0, .e = 1 / m.e, .f = -m.f / m.e};
  const double det = m.a * m.e - m.b * m.d;
  return {.a = m.e / det,
          .b = -m.b / det,
          .c = (m.b * m.f - m.e * m.c) / det,
          .d = -m.d / det,
          .e = m.a / det,
          .f = (m.d * m.c - m.a * m.f) / det};
}

Canvas canvas_of(uint32_t image, const Subject& subject) {
  Part part{.image = image, .shown = whole(subject.size)};
  Canvas canvas{.size = subject.size, .pieces = {{.part = part, .where = part.shown}}, .boxes = {}};
  for (const SnapshotBox& box : subject.boxes) canvas.boxes.push_back({.box = box, .piece = 0});
  return canvas;
}

void look_through(Canvas& canvas, const Affine& to_old, Size size) {
  const Affine to_new = inverse(to_old);
  for (Piece& piece : canvas.pieces) {
    if (is_empty(piece.where)) continue;
    // From here on the piece's edges are not the canvas's: they are kept as the image's.
    if (!to_old.is_axis_aligned())
      piece.part.shown = common(piece.part.shown, extent_of(through(piece.part.to_source, piece.where)));
    piece.part.to_source = compose(piece.part.to_source, to_old);
    piece.where = common(extent_of(through(to_new, piece.where)), whole(size));
  }
  canvas.size = size;
}

void stretch(Canvas& canvas, Size to) {
  Affine map;
  map.a = static_cast<double>(canvas.size.width) / to.width;
  map.e = static_cast<double>(canvas.size.height) / to.height;
  look_through(canvas, map, to);
}

void cut(Canvas& canvas, Box window) {
  Affine map;
  map.c = window.x;
  map.f = window.y;
  look_through(canvas, map, {window.width, window.height});
}

Visible visible(const Canvas& canvas, const Marked& box) {
  const Piece& piece = canvas.pieces[box.piece];
  const BoundingBox& b = box.box.box;
  const Extent full{b.x, b.y, static_cast<double>(b.x) + b.width, static_cast<double>(b.y) + b.height};
  const Extent part = common(full, piece.part.shown);
  if (is_empty(part) || is_empty(piece.where)) return {};
  const Affine to_canvas = inverse(piece.part.to_source);
  const Polygon seen = cut_to(through(to_canvas, part), piece.where);
  if (seen.size == 0) return {};
  const Extent extent = extent_of(seen);
  if (is_empty(extent)) return {};
  return {.extent = extent, .part = area_of(seen) / area_of(through(to_canvas, full))};
}

}  // namespace dlfs
