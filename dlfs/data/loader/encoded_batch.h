// A batch of samples whose files are decoded by the device: drawn, read, then filled at once. One thread, which keeps it
// from batch to batch for its memory.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "dlfs/data/loader/jpeg_batches.h"
#include "dlfs/data/loader/source.h"

namespace dlfs {

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
