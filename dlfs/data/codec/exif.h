// How a camera was held, as EXIF says it (JEITA CP-3451), and what that does to an image: the rows and columns that a file
// stores become those of the upright image. Any thread.
#pragma once

#include <cstddef>
#include <span>

#include "dlfs/data/image.h"

namespace dlfs {

// Of the TIFF block that follows "Exif\0\0": 1 to 8, and 1 where it says nothing that can be believed.
int exif_orientation(std::span<const std::byte> tiff);

// Between the stored image and the upright one; sizes and boxes in pixels.
struct Turn {
  int orientation = 1;
  Size stored;

  bool swaps() const { return orientation >= 5; }  // the sides
  bool mirrors_columns() const { return orientation == 2 || orientation == 3 || orientation >= 7; }
  bool mirrors_rows() const {
    return orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  }

  Size upright() const { return swapped(stored); }
  Size swapped(Size size) const { return swaps() ? Size{size.height, size.width} : size; }
  Box to_stored(Box upright) const;
  Box to_upright(Box part_of_stored) const;
};

void turn_upright(Image& image, int orientation);

}  // namespace dlfs
