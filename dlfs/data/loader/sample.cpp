#include "dlfs/data/loader/sample.h"

#include <utility>

#include "dlfs/base/clock.h"

namespace dlfs {
Drawn SampleMaker::make(const Source& source, const Recipe& recipe, uint32_t image, uint64_t key,
                        std::span<uint8_t> out) {
  const int channels = recipe.channels == 3 ? 4 : 1;  // of what is decoded: as the renderer likes it
  const Stopwatch all;
  double decoding = 0;
  Drawn drawn = draw(recipe, source, image, key);
  renderer_.begin(recipe, drawn, out);
  for (const Part& part : drawn.parts) {
    const Stopwatch watch;
    try {
      source.load(part.image, request_for(part, source.subject(part.image).size, channels), file_, decoded_);
    } catch (const FileError& error) {
      throw UnreadableImage(part.image, error);
    }
    decoding += watch.seconds();
    renderer_.show(part, decoded_);
  }
  seconds_.decode += decoding;
  seconds_.transform += all.seconds() - decoding;
  return drawn;
}

SampleMaker::Seconds SampleMaker::take_seconds() { return std::exchange(seconds_, {}); }

const Drawn& EncodedBatch::prepare(int index, const Source& source, const Recipe& recipe, uint32_t image,
                                   uint64_t key) {
  Sample& sample = samples_[index];
  sample.drawn = draw(recipe, source, image, key);
  const std::vector<Part>& parts = sample.drawn.parts;
  if (sample.files.size() < parts.size()) sample.files.resize(parts.size());
  sample.names.clear();
  for (size_t i = 0; i < parts.size(); ++i) try {
      source.read(parts[i].image, sample.files[i]);
      sample.names.push_back(source.name(parts[i].image));
    } catch (const FileError& error) {
      const uint32_t unreadable = parts[i].image;
      sample.drawn.parts.clear();  // what is left of it shows nothing
      sample.names.clear();
      throw UnreadableImage(unreadable, error);
    }
  return sample.drawn;
}

EncodedSample EncodedBatch::view(const Sample& sample) {
  EncodedSample encoded{.drawn = &sample.drawn, .images = {}};
  for (size_t i = 0; i < sample.names.size(); ++i)
    encoded.images.push_back({sample.files[i], sample.names[i]});
  return encoded;
}

std::vector<FaultySample> EncodedBatch::fill(int count, const Tensor& to) {
  std::vector<EncodedSample> encoded;
  encoded.reserve(count);
  for (int i = 0; i < count; ++i) encoded.push_back(view(samples_[i]));
  return jpeg_->fill(encoded, to);
}

std::vector<FaultySample> EncodedBatch::fill_one(int index, const Tensor& to) {
  const EncodedSample encoded = view(samples_[index]);
  return jpeg_->fill({&encoded, 1}, to);
}

}  // namespace dlfs
