// Batches of drawn samples from encoded files to a tensor on the device, decoded and resampled there. What the device's
// decoder does not take (PNG, CMYK, broken files, maps that turn) is decoded and rendered on the CPU and put into its
// place. A whole file whose coded data are corrupt is not told from a good one by it, as it is by the CPU. A filler is one
// thread's; several, each with its thread and its tensor, keep the card busy while files are parsed.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "dlfs/data/augment/draw.h"
#include "dlfs/tensor/device.h"

namespace dlfs {

struct EncodedImage {
  std::span<const std::byte> file;
  std::string name;  // for messages
};

struct EncodedSample {
  const Drawn* drawn = nullptr;
  std::vector<EncodedImage> images;  // one for each of drawn->parts
};

// A sample of which a file cannot be read: its place shows the fill.
struct FaultySample {
  int sample = 0;
  std::string why;
};

struct JpegCounts {  // of images, by who decoded them
  int64_t engine = 0, cuda = 0, cpu = 0;
};

struct JpegBatchSettings {
  size_t memory = size_t{1} << 30;  // of decoded images at a time; a batch that needs more goes in parts
  DecodeLimits limits = {};
  // Shared by fillers of one card: they take turns with its decoders, which are no faster for two at a time, while the
  // others read and parse.
  std::shared_ptr<std::mutex> turn = {};
};

class JpegBatches {
 public:
  virtual ~JpegBatches() = default;

  // to u8 [n,h,w,channels] of the recipe's slot; sample i becomes image i. requires: at most n samples, and nobody uses
  // `to`. ensures: it is filled, for all streams.
  virtual std::vector<FaultySample> fill(std::span<const EncodedSample> samples, const Tensor& to) = 0;

  const JpegCounts& counts() const { return counts_; }

 protected:
  JpegCounts counts_;
};

// Null, and a sentence in `why_not`, where the device decodes no JPEG.
std::unique_ptr<JpegBatches> open_jpeg_batches(const Device& device, const Recipe& recipe,
                                               const JpegBatchSettings& settings, std::string& why_not);

// The GPU's, chosen in jpeg_batches.cpp. requires: a device of kind gpu.
std::unique_ptr<JpegBatches> open_jpeg_batches_gpu(const Device& device, const Recipe& recipe,
                                                   const JpegBatchSettings& settings, std::string& why_not);

}  // namespace dlfs
