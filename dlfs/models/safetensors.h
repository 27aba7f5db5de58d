// Safetensors files: 8 bytes of header length (little-endian), a JSON header, the tensors' bytes without gaps. Any
// Python user can open what is written here; what is read here was proven first: every length, shape and offset
// against the bytes that are there, each tensor following the one before, up to the last byte. Anything else is a
// FileError that names the file and both values. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dlfs/base/file.h"

namespace dlfs {

struct SafeTensor {
  std::string name;
  std::string dtype;  // "F32", "F16", "BF16", "U8", "I32", "I64", ... as the format spells them
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;  // little-endian; a view of the caller's memory, or of SafeTensors::file
};

struct SafeTensors {
  std::map<std::string, std::string> metadata;
  std::vector<SafeTensor> tensors;    // in the order of their bytes
  std::shared_ptr<const Bytes> file;  // what was read; null when made for writing

  const SafeTensor* find(std::string_view name) const;  // null where there is none
};

std::string text_of_shape(const std::vector<int64_t>& shape);  // "[500,800]"

SafeTensors read_safetensors(const std::string& path);
SafeTensors parse_safetensors(Bytes file, const std::string& source);  // `source` names the bytes in errors

// The same content gives the same bytes.
void write_safetensors(const std::string& path, const SafeTensors& content);
Bytes encode_safetensors(const SafeTensors& content);

}  // namespace dlfs
