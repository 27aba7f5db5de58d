// Weights from other people's safetensors files (torchvision, timm, ...), which need not fit a model as our own model
// files do: names are brought to ours by a table, F16 and BF16 become f32, and what fits nowhere is told by name. One
// thread.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "dlfs/graph/state.h"

namespace dlfs {

// How a source names what we name as torchvision does.
struct NameMap {
  std::string source;
  std::vector<std::pair<std::string, std::string>> beginnings = {};  // theirs, ours; other names are the same
};
const std::vector<NameMap>& name_maps();  // an explicit list; the first changes nothing
std::string our_name(const NameMap& map, const std::string& theirs);

struct WeightsSettings {
  std::string source = "auto";  // of name_maps(); auto: by which most names are the model's
  // What is missing, left over or of another shape is no error, and keeps its values, if half of the model is there.
  bool partial = false;
};

// Tensor by tensor.
struct WeightsReport {
  std::string source;
  std::vector<std::string> loaded = {};     // our names, as are the next
  std::vector<std::string> missing = {};    // in the file
  std::vector<std::string> wrong = {};      // "fc.weight is F32 [1000,512], but must be [10,512]"
  std::vector<std::string> left_over = {};  // their names, but for num_batches_tracked of norms

  bool complete() const { return missing.empty() && wrong.empty() && left_over.empty(); }
};
// "122 tensors loaded; 1 missing: fc.bias; 1 that does not fit: …", with the first few names of each.
std::string to_string(const WeightsReport& report);

// Gives a State that a model has named its memory on the device, and parameters and statistics the file's values. Throws
// UsageError for a source that is not there; FileError, before anything is changed, where the report would not be
// complete, or with `partial` where less than half of the model's tensors could be loaded.
WeightsReport load_weights(const std::string& path, State& state, Device& device,
                           const WeightsSettings& settings = {});

}  // namespace dlfs
