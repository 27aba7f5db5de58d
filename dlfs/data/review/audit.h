// Everything that a store and its image files have wrong, and what they are like: the look at data before the first
// step. Each file is read once, by several threads, and decoded; labels are held against the size that the file really
// has. Memory is bounded: some 400 bytes an image, and as many findings as are to be listed.
//
// One call a store at a time; the threads are its own.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "dlfs/data/review/findings.h"
#include "dlfs/data/review/label_check.h"

namespace dlfs {

struct AuditRequest {
  int threads = 1;
  size_t listed = 10;  // findings of a kind that are named; all are counted
  bool record = true;  // hashes, and sizes that were not known, go into the store
  std::function<void(size_t done, size_t all)> progress = {};  // called now and then, by the caller's thread
};

struct FileCounts {
  int64_t jpeg = 0, png = 0, pgm = 0;  // that could be decoded; the others are findings
  int64_t gray = 0, progressive = 0;
  uint64_t bytes = 0;
};

struct AuditReport {
  int64_t revision = 0;
  std::vector<FindingGroup> findings;  // errors first
  FileCounts files;
  LabelFacts labels;

  int64_t count(Level level) const;
};

// requires: a store that can be written, where facts are recorded.
AuditReport audit(Store& store, const AuditRequest& request);

}  // namespace dlfs
