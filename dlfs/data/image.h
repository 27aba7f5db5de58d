// An image in memory: 8 bits a sample, whatever its file had. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dlfs/data/picture.h"

namespace dlfs {

struct Image {
  Size size;
  int channels = 3;  // 1 gray; 3 red, green, blue; 4 red, green, blue and a byte that means nothing
  std::vector<uint8_t> pixels;  // [height,width,channels]
};

}  // namespace dlfs
