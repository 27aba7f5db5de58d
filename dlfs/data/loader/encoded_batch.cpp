#include "dlfs/data/loader/encoded_batch.h"

#include "dlfs/data/loader/sample.h"

namespace dlfs {

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
