// One sample from a source, from its key to its pixels. Any thread; a maker is its owner's, and keeps its memory from
// sample to sample.
#pragma once

#include <cstdint>
#include <span>

#include "dlfs/base/error.h"
#include "dlfs/data/augment/render.h"
#include "dlfs/data/loader/source.h"

namespace dlfs {

class UnreadableImage : public FileError {
 public:
  UnreadableImage(uint32_t image, const FileError& error) : FileError(error), image_(image) {}
  uint32_t image() const { return image_; }

 private:
  uint32_t image_;
};

class SampleMaker {
 public:
  struct Seconds {
    double decode = 0, transform = 0;
  };

  // ensures: `out` [slot.height,slot.width,channels] holds the pixels. Throws UnreadableImage.
  Drawn make(const Source& source, const Recipe& recipe, uint32_t image, uint64_t key,
             std::span<uint8_t> out);

  Seconds take_seconds();  // that were spent since the last call

 private:
  Bytes file_;
  Decoded decoded_;
  Renderer renderer_;
  Seconds seconds_;
};

}  // namespace dlfs
