#include "dlfs/models/model_file.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "dlfs/base/error.h"
#include "dlfs/base/json.h"
#include "dlfs/models/file_layout.h"

namespace dlfs {
namespace {

std::string numbers_text(const std::vector<float>& values) {
  std::vector<std::string> texts;
  for (const float value : values) {
    char text[32];
    texts.emplace_back(text, std::to_chars(text, text + sizeof text, value).ptr);
  }
  return join(texts, ",");
}

// "28,28,1" as numbers; false where the text is anything else.
template <typename Number>
bool parse_numbers(const std::string& text, std::vector<Number>& values) {
  const char *at = text.data(), *end = at + text.size();
  while (true) {
    Number value;
    const auto [next, error] = std::from_chars(at, end, value);
    if (error != std::errc{}) return false;
    values.push_back(value);
    if (next == end) return true;
    if (*next != ',') return false;
    at = next + 1;
  }
}

}  // namespace

void save_model(const std::string& path, const State& state, Device& device,
                const ModelDescription& description) {
  std::vector<std::vector<float>> contents;
  SafeTensors file;
  const Shape& in = description.input;
  JsonWriter classes;
  classes.array();
  for (const std::string& name : description.classes) classes.value(name);
  file.metadata = {{"format", "pt"},
                   {"dlfs.model", description.model},
                   {"dlfs.input", concat(in.h, ",", in.w, ",", in.c)},
                   {"dlfs.mean", numbers_text(description.mean)},
                   {"dlfs.deviation", numbers_text(description.deviation)},
                   {"dlfs.classes", classes.close().text()}};
  if (description.test_resize > 0)
    file.metadata["dlfs.test_resize"] = std::to_string(description.test_resize);
  for (const State::Entry& entry : state.entries()) {
    if (!in_model_file(entry)) continue;
    const std::vector<float>& content = contents.emplace_back(file_values(entry, device));
    file.tensors.push_back({entry.name, "F32", file_shape(entry), std::as_bytes(std::span(content))});
  }
  write_safetensors(path, file);
}

ModelFile::ModelFile(const std::string& path) : path_(path), file_(read_safetensors(path)) {
  const auto refuse = [&](const std::string& fact) { throw FileError("model file", path_ + ": " + fact); };
  const auto said = [&](const std::string& key) -> const std::string& {
    const auto found = file_.metadata.find(key);
    if (found == file_.metadata.end())
      refuse("its metadata has no " + key + ", so it is not a model that dlfs wrote");
    return found->second;
  };
  const auto refuse_value = [&](const std::string& key, const auto&... wanted) {
    refuse(concat(key, " is \"", said(key), "\", but must be ", wanted...));
  };
  description_.model = said("dlfs.model");
  std::vector<int> input;
  if (!parse_numbers(said("dlfs.input"), input) || input.size() != 3 ||
      !std::all_of(input.begin(), input.end(), [](int extent) { return extent >= 1 && extent <= 65535; }))
    refuse_value("dlfs.input", "height,width,channels, as 28,28,1");
  description_.input = {1, input[0], input[1], input[2]};
  const size_t channels = static_cast<size_t>(input[2]);
  const auto take = [&](const std::string& key, std::vector<float>& numbers) {
    if (!parse_numbers(said(key), numbers) || numbers.size() != channels)
      refuse_value(key, channels, " numbers");
  };
  take("dlfs.mean", description_.mean);
  take("dlfs.deviation", description_.deviation);
  for (const float mean : description_.mean)
    if (!std::isfinite(mean)) refuse_value("dlfs.mean", "finite");
  for (const float deviation : description_.deviation)
    if (!std::isfinite(deviation) || deviation <= 0) refuse_value("dlfs.deviation", "above 0");
  const Json classes = Json::parse(said("dlfs.classes"), path_ + ": dlfs.classes");
  for (const Json& name : classes.items()) {
    if (name.string() == nullptr)
      refuse("dlfs.classes holds a " + std::string(name.kind()) + ", but must hold names");
    description_.classes.push_back(*name.string());
  }
  if (description_.classes.empty()) refuse_value("dlfs.classes", "a list of names");
  if (std::vector<int> resize; file_.metadata.count("dlfs.test_resize") > 0) {
    const int least = std::max(input[0], input[1]);
    if (!parse_numbers(said("dlfs.test_resize"), resize) || resize.size() != 1 || resize[0] < least ||
        resize[0] > largest_test_resize)
      refuse_value("dlfs.test_resize", "from ", least, " to ", largest_test_resize);
    description_.test_resize = resize[0];
  }
}

void ModelFile::load(State& state, Device& device) const {
  const auto refuse = [&](const auto&... fact) {
    throw FileError("model file", concat(path_, ": ", fact...));
  };
  size_t known = 0;
  for (const State::Entry& entry : state.entries()) {
    if (!in_model_file(entry)) continue;
    ++known;
    const SafeTensor* tensor = file_.find(entry.name);
    if (tensor == nullptr) refuse("has no ", entry.name, ", which a ", description_.model, " needs");
    if (tensor->dtype != "F32" || tensor->shape != file_shape(entry))
      refuse(entry.name, " is ", tensor->dtype, " ", text_of_shape(tensor->shape), ", but a ",
             description_.model, " needs F32 ", text_of_shape(file_shape(entry)));
  }
  for (const SafeTensor& tensor : file_.tensors)
    if (const State::Entry* entry = state.find(tensor.name); entry == nullptr || !in_model_file(*entry))
      refuse("holds ", tensor.name, ", which a ", description_.model, " does not have");
  DLFS_CHECK(known == file_.tensors.size(), known, " entries, ", file_.tensors.size(), " tensors");

  state.allocate(device);
  for (size_t i = 0; i < state.entries().size(); ++i) {
    const State::Entry& entry = state.entries()[i];
    if (in_model_file(entry)) set_from_file(state, static_cast<int>(i), device, *file_.find(entry.name));
  }
  device.synchronize(device.stream());
}

}  // namespace dlfs
