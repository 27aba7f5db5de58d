// Images that are there more than once: files that are equal byte for byte, and images that look alike. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "dlfs/base/sha256.h"
#include "dlfs/data/records.h"
#include "dlfs/data/review/perceptual_hash.h"

namespace dlfs {

struct Likeness {
  bool known = false;  // else it has no twin
  Split split = Split::none;
  Digest digest{};
  std::optional<Looks> looks;
};

struct Twin {
  uint32_t image = 0, other = 0;  // indices; `other` is of train where one of both is
  bool equal = false;             // the same file; else they look alike
  bool leak = false;              // in two splits: what is tested on was learned from
};

// Each image that has a twin once, with one twin of it: one of another split where there is such.
std::vector<Twin> find_twins(std::span<const Likeness> images);

}  // namespace dlfs
