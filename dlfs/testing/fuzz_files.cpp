#include <algorithm>
#include <filesystem>
#include <fstream>

#include "dlfs/base/error.h"
#include "dlfs/data/idx.h"
#include "dlfs/models/safetensors.h"
#include "dlfs/testing/folder.h"
#include "dlfs/testing/fuzz.h"

namespace dlfs::testing {

// The first two bytes say how many of the others are the labels' file and whether both are compressed.
void fuzz_idx(std::span<const std::byte> input) {
  static const Folder folder;
  if (input.size() < 2) return;
  const auto number = [&](size_t i) { return std::to_integer<size_t>(input[i]); };
  const bool compressed = number(0) >= 128;
  const auto rest = input.subspan(2);
  const size_t labels = std::min(128 * (number(0) % 128) + number(1), rest.size());
  const auto write = [&](const std::string& name, std::span<const std::byte> bytes) {
    std::filesystem::remove(folder / name);
    std::filesystem::remove(folder / name + ".gz");
    std::ofstream(folder / name + (compressed ? ".gz" : ""), std::ios::binary) << text_of(bytes);
  };
  write("train-labels-idx1-ubyte", rest.first(labels));
  write("train-images-idx3-ubyte", rest.subspan(labels));
  const LabelledImages images = read_idx(folder.path(), Split::train);
  DLFS_CHECK(images.labels.size() == static_cast<size_t>(images.count), images.labels.size());
  DLFS_CHECK(images.pixels.size() == size_t{1} * images.count * images.height * images.width,
             images.pixels.size());
}

// What is read can be written, and is read from that as the same.
void fuzz_safetensors(std::span<const std::byte> input) {
  const SafeTensors content = parse_safetensors(Bytes(input.begin(), input.end()), "input");
  size_t bytes = 0;
  for (const SafeTensor& tensor : content.tensors)
    for (const std::byte byte : tensor.bytes) bytes += byte >= std::byte{0} ? 1 : 0;
  DLFS_CHECK(bytes <= input.size(), bytes);
  const SafeTensors again = parse_safetensors(encode_safetensors(content), "written");
  DLFS_CHECK(again.tensors.size() == content.tensors.size() && again.metadata == content.metadata, "");
}

}  // namespace dlfs::testing
