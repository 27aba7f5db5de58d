#include "dlfs/testing/golden.h"

#include <filesystem>

#include "dlfs/base/error.h"
#include "dlfs/models/safetensors.h"

namespace dlfs::testing {
namespace {

constexpr const char* magic = "dlfs-golden";
constexpr const char* version = "1";
constexpr const char* command = "make it by `./dev golden` on a machine with a GPU and PyTorch";
constexpr size_t most_elements = 4096;

}  // namespace

std::string golden_path(const std::string& name) {
  const std::string below = "dlfs/testing/golden";
  const bool here = std::filesystem::is_directory(below);
  return concat(here ? "" : DLFS_SOURCE_DIR "/", below, "/", name);
}

GoldenFile::GoldenFile(const std::string& name) : path_(golden_path(name)) {
  if (!std::filesystem::exists(path_)) throw FileError("golden", path_ + " is missing; " + command);
  const SafeTensors file = read_safetensors(path_);
  const auto said = [&](const char* key) {
    const auto found = file.metadata.find(key);
    return found == file.metadata.end() ? std::string("nothing") : found->second;
  };
  if (said("magic") != magic || said("version") != version)
    throw FileError("golden", concat(path_, " says ", said("magic"), " version ", said("version"), ", not ",
                                     magic, " version ", version, "; ", command));
  for (const SafeTensor& tensor : file.tensors) {
    if (tensor.dtype != "F32")
      throw FileError("golden", path_ + ": " + tensor.name + " is " + tensor.dtype + ", not F32");
    const float* first = reinterpret_cast<const float*>(tensor.bytes.data());
    tensors_[tensor.name] = Numbers(first, first + tensor.bytes.size() / sizeof(float));
  }
}

const Numbers& GoldenFile::tensor(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) throw FileError("golden", path_ + " has no " + name + "; " + command);
  return found->second;
}

const GoldenFile& op_golden(const std::string& row) {
  static std::map<std::string, GoldenFile> files;
  const std::string op = row.substr(0, row.find('/'));
  return files.try_emplace(op, concat("ops/", op, ".safetensors")).first->second;
}

Numbers golden_sample(const Numbers& whole) {
  const size_t every = (whole.size() + most_elements - 1) / most_elements;
  if (every <= 1) return whole;
  Numbers sample;
  for (size_t i = 0; i < whole.size(); i += every) sample.push_back(whole[i]);
  return sample;
}

}  // namespace dlfs::testing
