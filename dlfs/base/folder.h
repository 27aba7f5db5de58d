// A folder whose files are named by others: an annotation file, a store, a request. A name that leads out of it, by
// "..", an absolute path or a link, is refused by the system itself (openat2 with RESOLVE_BENEATH), never by comparing
// text. Links that stay inside are followed. Any thread.
#pragma once

#include <string>

#include "dlfs/base/file.h"

namespace dlfs {

class Folder {
 public:
  explicit Folder(std::string path);  // throws FileError where it is none

  const std::string& path() const { return path_; }

  // A regular file beneath, or a FileError that names folder and file. `into` may hold earlier bytes, whose memory is
  // used again.
  Bytes read(const std::string& name, ReadLimits limits = {}) const;
  void read(const std::string& name, Bytes& into, ReadLimits limits = {}) const;
  FileStart read_start(const std::string& name, size_t wanted) const;
  bool has(const std::string& name) const;

 private:
  std::string path_;
  Descriptor descriptor_;
};

// How a file beneath an open folder is opened where the kernel has no openat2 (before Linux 5.6): part by part, and then
// no link is followed at all. The descriptor, or -1 with errno, which is EXDEV for a name that leads out.
int open_by_walking(int folder, const std::string& name);

}  // namespace dlfs
