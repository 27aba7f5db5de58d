// Resampling of rows and columns with the very numbers of Pillow's bilinear (Resample.c, 8 bits a channel): a triangle
// filter, as wide as the step where it shrinks; weights of 22 bits; first along rows, then along columns (as Pillow always
// did up to version 12), rounded to a byte between. All sums are of integers, so that the vectors of any processor give the same. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace dlfs {

struct Line {        // of the output, along one axis
  double start = 0;  // where it begins in the source
  double step = 1;   // pixels of the source to one of the output, above 0
  int count = 0;
  bool mirrored = false;  // its first pixel is the last
};

struct Available {  // pixels of the source: of others nothing is known
  int begin = 0, end = 0;
};

// Which pixels of the source make one of the output, and with which weights: `most` places for each, an even number.
struct Taps {
  int count = 0, most = 0;
  bool copies = false;           // each pixel is one of the source
  std::vector<int32_t> first;    // [count], from the first available one
  std::vector<int32_t> used;     // [count], of the places; the rest are zeros
  std::vector<int32_t> weights;  // [count,most,spread], times 2^22
  std::vector<double> exact;     // for one output pixel, while they are made
};
// Each weight stands `spread` times in a row: once for each byte of a pixel, where rows are resampled.
void make_taps(const Line& line, Available available, int spread, Taps& taps);

enum class Vectors { best, none };  // which of the processor's are used; the results are the same

// One row [width,bytes] to [taps.count,bytes], of 1 or 4 bytes a pixel; taps.spread is the same. Up to 4 bytes behind the
// row are read too.
void resample_row(const uint8_t* row, int bytes, const Taps& taps, uint8_t* to,
                  Vectors vectors = Vectors::best);

// Rows, each `stride` bytes behind the one before, to one of `count` bytes: the one at `at`. Taps of spread 1.
void resample_column(const uint8_t* rows, size_t stride, size_t count, const Taps& taps, int at, uint8_t* to,
                     Vectors vectors = Vectors::best);

}  // namespace dlfs
