// The letters of our pictures: ASCII 32 to 126 on a raster of 5 x 7, and two rows more for what hangs below the
// line. Any thread.
#pragma once

#include <array>
#include <cstdint>

namespace dlfs {

struct Glyph {
  static constexpr int capital_rows = 7, rows = 9;
  int width;                       // in columns, 1 to 5, the gap to the next letter not included
  std::array<uint8_t, rows> bits;  // one number a row; bit 4 is the leftmost column

  // Outside of the raster there is nothing.
  constexpr bool at(int column, int row) const {
    return column >= 0 && column < width && row >= 0 && row < rows && (bits[row] >> (4 - column) & 1) != 0;
  }
};

const Glyph& glyph(char character);  // of what is not ASCII: a question mark

}  // namespace dlfs
