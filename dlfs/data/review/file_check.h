// One image file, read once: whether it can be decoded, what kind it is, and what it is known by. Any thread, one
// object each.
#pragma once

#include <optional>
#include <string>

#include "dlfs/base/folder.h"
#include "dlfs/base/sha256.h"
#include "dlfs/data/codec/decode.h"
#include "dlfs/data/review/findings.h"
#include "dlfs/data/review/perceptual_hash.h"

namespace dlfs {

struct CheckedFile {
  std::optional<Fault> fault;  // missing, unreadable, truncated or undecodable: then only `why` counts
  std::string why;
  uint64_t bytes = 0;
  Digest digest{};
  ImageHeader header;
  bool cmyk = false;
  std::optional<Looks> looks;  // nothing where it is of one colour
};

class FileCheck {
 public:
  CheckedFile check(const Folder& folder, const std::string& name);

 private:
  Bytes file_;
  Decoded decoded_;
};

}  // namespace dlfs
