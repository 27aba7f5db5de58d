// The model file: a valid safetensors file that training writes and everything else reads, and needs no other beside.
// Its tensors have the names, shapes and order of values that PyTorch's users know; its metadata says what the model
// is: {"dlfs.model": "lenet", "dlfs.input": "28,28,1", "dlfs.mean": "0.1307", "dlfs.deviation": "0.3081",
// "dlfs.classes": ["zero", …] as JSON}. One thread.
#pragma once

#include <string>
#include <vector>

#include "dlfs/graph/state.h"
#include "dlfs/models/safetensors.h"

namespace dlfs {

inline constexpr int largest_test_resize = 16384;

struct ModelDescription {
  std::string model;
  Shape input;  // of one image [1,h,w,c]
  std::vector<float> mean,
      deviation;  // of pixels in [0,1], one a channel: the net sees (pixel - mean) / deviation
  std::vector<std::string> classes;
  int test_resize = 0;  // Model::test_resize; "dlfs.test_resize" where it is not 0
};

// Writes parameters and statistics of the State, which has its memory on the device. Throws FileError.
void save_model(const std::string& path, const State& state, Device& device,
                const ModelDescription& description);

class ModelFile {
 public:
  // Throws FileError where the file is no safetensors file or does not describe a model.
  explicit ModelFile(const std::string& path);
  const ModelDescription& description() const { return description_; }

  // Gives the State its memory on the device, and its parameters and statistics the file's values. Throws FileError
  // where a tensor is missing, left over, or of another shape, before anything is allocated or changed.
  void load(State& state, Device& device) const;

 private:
  std::string path_;
  SafeTensors file_;
  ModelDescription description_;
};

}  // namespace dlfs
