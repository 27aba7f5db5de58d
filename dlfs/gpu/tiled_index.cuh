// The matrices of a tiled product, for .cu files alone: how an index of a row and one of the length add up to a place in
// the image that is gathered.
//
//   out [rows, columns] = sum over `length` of a [rows, length] * b [columns, length]
//
//   forward          rows: positions of y      columns: filters      length: (r, s, c) of x     a: x      b: w
//   data_gradient    rows: positions of x      columns: channels     length: (r, s, k) of d_y   a: d_y    b: w
//   filter_gradient  rows: (r, s, c)           columns: filters      length: positions of y     a: x      b: d_y
//
// Positions that index rows are counted by pixel first and by image last, so that the rows of one tile see the same
// part of the filter and the rest of it is not multiplied at all.
#pragma once

#include "dlfs/gpu/divisor.h"
#include "dlfs/gpu/tiled_convolution.h"

namespace dlfs::tiles {

struct Product {
  int rows, columns, length;    // rows: without the one that makes the gradient of the bias
  int images;                   // in a row's position
  int row_height, row_width;    // of the map whose positions index rows
  int height, width, channels;  // of the image that is gathered
  int filter_height, filter_width;
  int stride, pad, dilation;
  int parts;                      // that the length is cut into
  Divisor inner;                  // of a length (r, s, inner)
  Divisor out_width, out_height;  // of a length of positions
};

// Half of an index into the gathered image: one from the row and one from the length add up to a pixel and a channel.
// In data_gradient the pixel is one of d_y, which only every stride-th row and column of x meets. `flat` halves add up to
// the index itself, where nothing lies outside the image.
struct Point {
  int h, w, offset, flat;
};
constexpr int nowhere = -(1 << 28);  // added to any h: outside the image

inline __device__ Point point_at(const Product& of, int h, int w, int offset) {
  return {h, w, offset, offset + (h * of.width + w) * of.channels};
}

template <ConvKind kind>
__device__ int gathered(const Product& of, const Point& a, const Point& b) {
  int h = a.h + b.h, w = a.w + b.w;
  if (kind == ConvKind::data_gradient && of.stride != 1) {
    if (h % of.stride != 0 || w % of.stride != 0) return -1;
    h /= of.stride;  // a negative one stays out of range
    w /= of.stride;
  }
  if (static_cast<unsigned>(h) >= static_cast<unsigned>(of.height) ||
      static_cast<unsigned>(w) >= static_cast<unsigned>(of.width))
    return -1;
  return a.offset + b.offset + (h * of.width + w) * of.channels;
}

// A row of a tile, taken apart; `out`: where its results begin, -1 for a row beyond the end, which reads what another row
// reads: in filter_gradient one that begins a vector, else one of the same tile.
struct Row {
  Point point;
  int out;
};

template <ConvKind kind>
__device__ Row row_of(const Product& of, unsigned index) {
  const bool inside = index < static_cast<unsigned>(of.rows);
  const unsigned row = inside ? index : kind == ConvKind::filter_gradient ? 0 : of.rows - 1;
  Row made;
  if (kind == ConvKind::filter_gradient) {
    const int c = row % of.channels, tap = row / of.channels;
    const int s = tap % of.filter_width, r = tap / of.filter_width;
    made.point = point_at(of, r * of.dilation - of.pad, s * of.dilation - of.pad, c);
    made.out = row;
  } else {
    const int n = row % of.images, pixel = row / of.images;
    const int h = pixel / of.row_width, w = pixel % of.row_width,
              image = n * of.height * of.width * of.channels;
    made.point = kind == ConvKind::forward
                     ? point_at(of, h * of.stride - of.pad, w * of.stride - of.pad, image)
                     : point_at(of, h + of.pad, w + of.pad, image);
    made.out = ((n * of.row_height + h) * of.row_width + w) * of.columns;
  }
  if (!inside) {
    made.point.h = nowhere;
    made.out = -1;
  }
  return made;
}

// The part of the filter that a tile's rows can meet: `height` x `width` taps from (r, s) on. Its length is counted over
// these alone. Where `whole`, every row meets every one of them.
struct Taps {
  int r, s, height, width;
  bool whole;
};

// Along one axis, for positions low to high of the rows: the first tap, the number of taps, and whether all meet all.
template <ConvKind kind>
__device__ bool taps_along(const Product& of, int low, int high, int extent, int taps, int& first,
                           int& count) {
  const int span = (extent - 1) * (kind == ConvKind::data_gradient ? of.stride : 1);
  // In steps of the dilation, for the first and for the last position: the taps that stay inside.
  int low_from, low_to, high_from, high_to;
  if (kind == ConvKind::forward) {
    low_from = of.pad - low * of.stride;
    high_from = of.pad - high * of.stride;
    low_to = low_from + span;
    high_to = high_from + span;
  } else {
    low_to = low + of.pad;
    high_to = high + of.pad;
    low_from = low_to - span;
    high_from = high_to - span;
  }
  const int from = min(low_from, high_from), to = max(low_to, high_to);
  first = from <= 0 ? 0 : (from + of.dilation - 1) / of.dilation;
  const int last = to < 0 ? -1 : min(to / of.dilation, taps - 1);
  count = max(0, last - first + 1);
  return first * of.dilation >= max(low_from, high_from) && last * of.dilation <= min(low_to, high_to);
}

template <ConvKind kind>
__device__ Taps taps_of(const Product& of, unsigned first_row, unsigned rows) {
  Taps made{0, 0, of.filter_height, of.filter_width, of.pad == 0};
  if (kind == ConvKind::filter_gradient) return made;
  const int first = first_row / of.images, last = min(first_row + rows, of.rows) - 1;
  const int end = last / of.images, top = first / of.row_width, bottom = end / of.row_width;
  const int left = top == bottom ? first % of.row_width : 0;
  const int right = top == bottom ? end % of.row_width : of.row_width - 1;
  const bool upright = taps_along<kind>(of, top, bottom, of.height, of.filter_height, made.r, made.height);
  const bool across = taps_along<kind>(of, left, right, of.width, of.filter_width, made.s, made.width);
  made.whole = upright && across && (kind == ConvKind::forward || of.stride == 1);
  return made;
}

// An element of the length, taken apart: its share of the gathered index, and where b's element lies without the column.
struct Along {
  Point point;
  int b;
};

template <ConvKind kind>
__device__ Along along(const Product& of, const Taps& taps, unsigned i) {
  if (kind == ConvKind::filter_gradient) {
    unsigned row, column;
    const unsigned n = of.out_height.split(of.out_width.split(i, column), row);
    const int image = n * of.height * of.width * of.channels;
    return {point_at(of, row * of.stride, column * of.stride, image), static_cast<int>(i) * of.columns};
  }
  unsigned inner;
  const unsigned tap = of.inner.split(i, inner), line = tap / max(taps.width, 1);
  const int r = taps.r + line, s = taps.s + tap - line * taps.width, in_filter = r * of.filter_width + s;
  const int c = inner;
  if (kind == ConvKind::forward)
    return {point_at(of, r * of.dilation, s * of.dilation, c), in_filter * of.channels + c};
  return {point_at(of, -r * of.dilation, -s * of.dilation, c),
          (c * of.filter_height * of.filter_width + in_filter) * of.columns};
}
}  // namespace dlfs::tiles
