#include "dlfs/models/weights.h"

#include <algorithm>

#include "dlfs/base/error.h"
#include "dlfs/models/file_layout.h"

namespace dlfs {
namespace {

using Found = std::map<std::string, const SafeTensor*>;  // by our names

Found found_by(const NameMap& map, const SafeTensors& file) {
  Found found;
  for (const SafeTensor& tensor : file.tensors) found.emplace(our_name(map, tensor.name), &tensor);
  return found;
}

const NameMap& named(const std::string& source) {
  std::vector<std::string> sources = {"auto"};
  for (const NameMap& map : name_maps()) {
    if (map.source == source) return map;
    sources.push_back(map.source);
  }
  throw UsageError("weights", "there is no source " + source + "; sources: " + join(sources, ", "));
}

// By which most of the names are the model's.
const NameMap& likeliest(const SafeTensors& file, const State& state) {
  const NameMap* best = nullptr;
  int64_t most = -1;
  for (const NameMap& map : name_maps()) {
    int64_t known = 0;
    for (const auto& [name, tensor] : found_by(map, file)) known += state.find(name) != nullptr;
    if (known > most) best = &map;
    most = std::max(most, known);
  }
  return *best;
}

// What loading would give.
WeightsReport compare(const NameMap& map, const SafeTensors& file, const Found& found, const State& state) {
  WeightsReport report{.source = map.source};
  for (const State::Entry& entry : state.entries()) {
    if (!in_model_file(entry)) continue;
    const auto at = found.find(entry.name);
    if (at == found.end()) {
      report.missing.push_back(entry.name);
      continue;
    }
    const SafeTensor& tensor = *at->second;
    const bool is_float = tensor.dtype == "F32" || tensor.dtype == "F16" || tensor.dtype == "BF16";
    if (is_float && tensor.shape == file_shape(entry))
      report.loaded.push_back(entry.name);
    else
      report.wrong.push_back(concat(entry.name, " is ", tensor.dtype, " ", text_of_shape(tensor.shape),
                                    ", but must be ", is_float ? "" : "F32, F16 or BF16 ",
                                    text_of_shape(file_shape(entry))));
  }
  for (const SafeTensor& tensor : file.tensors) {
    const std::string name = our_name(map, tensor.name);
    const State::Entry* entry = state.find(name);
    const bool taken = entry != nullptr && in_model_file(*entry) && found.at(name) == &tensor;
    if (!taken && !name.ends_with(".num_batches_tracked")) report.left_over.push_back(tensor.name);
  }
  return report;
}

std::string first_few(const std::vector<std::string>& names) {
  constexpr size_t shown = 3;
  const std::vector<std::string> few(names.begin(), names.begin() + std::min(shown, names.size()));
  return join(few, ", ") + (names.size() > shown ? ", …" : "");
}

}  // namespace

std::string to_string(const WeightsReport& report) {
  std::string text = concat(report.loaded.size(), " tensors loaded");
  const auto add = [&](const std::vector<std::string>& names, const char* what) {
    if (!names.empty()) text += concat("; ", names.size(), " ", what, ": ", first_few(names));
  };
  add(report.missing, "missing");
  add(report.wrong, "of another shape or type");
  add(report.left_over, "left over");
  return text;
}

WeightsReport load_weights(const std::string& path, State& state, Device& device,
                           const WeightsSettings& settings) {
  const SafeTensors file = read_safetensors(path);
  const NameMap& map = settings.source == "auto" ? likeliest(file, state) : named(settings.source);
  const Found found = found_by(map, file);
  WeightsReport report = compare(map, file, found, state);
  const size_t lacking = report.missing.size() + report.wrong.size();
  if (report.loaded.empty() || (settings.partial ? report.loaded.size() < lacking : !report.complete()))
    throw FileError(
        "weights", concat(path, " does not fit the model, by ", map.source, "'s names: ", to_string(report)));
  state.allocate(device);
  for (size_t i = 0; i < state.entries().size(); ++i)
    if (const std::string& name = state.entries()[i].name;
        std::find(report.loaded.begin(), report.loaded.end(), name) != report.loaded.end())
      set_from_file(state, static_cast<int>(i), device, *found.at(name));
  device.synchronize(device.stream());
  return report;
}

}  // namespace dlfs
