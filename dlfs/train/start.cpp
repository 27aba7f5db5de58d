#include "dlfs/train/start.h"

#include "dlfs/base/error.h"
#include "dlfs/models/model_file.h"

namespace dlfs {

PrepareSettings imagenet_statistics() {
  return {.mean = {0.485F, 0.456F, 0.406F}, .deviation = {0.229F, 0.224F, 0.225F}};
}

PrepareSettings statistics_of_weights(const std::string& path, const Model& model) {
  const auto channels = static_cast<size_t>(model.input.c);
  PrepareSettings usual = imagenet_statistics();
  if (read_safetensors(path).metadata.contains("dlfs.model")) {
    const ModelFile file(path);
    usual = {.mean = file.description().mean, .deviation = file.description().deviation};
  }
  if (usual.mean.size() != channels)
    throw FileError("weights", concat(path, " is of a net for images of ", usual.mean.size(),
                                      " channels, but these have ", channels));
  return usual;
}

WeightsReport start_from(const std::string& path, State& state, Device& device, const Model& model,
                         int classes) {
  Trace names(state, {.mode = Mode::infer});
  model.build(names.input("images", {model.input}), classes);
  return load_weights(path, state, device, {.partial = true});
}

}  // namespace dlfs
