// Values that PyTorch made (tools/golden.py, on a machine with a GPU), as safetensors files whose metadata says by
// which command and version. Tensors of more than 4,096 elements are stored as every k-th element in memory order.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "dlfs/testing/op_case.h"

namespace dlfs::testing {

class GoldenFile {
 public:
  // Throws FileError with the command that makes the file where it is missing, of another kind or version.
  explicit GoldenFile(const std::string& name);
  const Numbers& tensor(const std::string& name) const;  // throws FileError where it is not there
  bool has(const std::string& name) const { return tensors_.count(name) != 0; }

 private:
  std::string path_;
  std::map<std::string, Numbers> tensors_;
};

// A file beside them: of the checkout that the program stands in, or else of the one it was built from.
std::string golden_path(const std::string& name);

const GoldenFile& op_golden(const std::string& row);  // of the op whose table has "conv/stride 2": read once
Numbers golden_sample(const Numbers& whole);

}  // namespace dlfs::testing
