// One sample from a source, from its key to its pixels. Any thread; a maker is its owner's, and keeps its memory from
// sample to sample.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dlfs/base/error.h"
#include "dlfs/data/augment/render.h"
#include "dlfs/data/loader/jpeg_batches.h"
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

// A batch of samples whose files are decoded by the device: drawn, read, then filled at once.
class EncodedBatch {
 public:
  EncodedBatch(std::unique_ptr<JpegBatches> jpeg, int batch) : jpeg_(std::move(jpeg)), samples_(batch) {}

  // Draws sample `index` of `image` and reads its files. Throws UnreadableImage.
  const Drawn& prepare(int index, const Source& source, const Recipe& recipe, uint32_t image, uint64_t key);

  // The first `count` samples, to [n,h,w,c]; or one alone, to its place [1,h,w,c].
  std::vector<FaultySample> fill(int count, const Tensor& to);
  std::vector<FaultySample> fill_one(int index, const Tensor& to);

 private:
  struct Sample {
    Drawn drawn;
    std::vector<Bytes> files;
    std::vector<std::string> names;
  };
  static EncodedSample view(const Sample& sample);

  std::unique_ptr<JpegBatches> jpeg_;
  std::vector<Sample> samples_;
};

}  // namespace dlfs
