// New files and folders of exports: made aside, and seen under their name when all is there. One that exists already is
// refused, never replaced. One thread.
#pragma once

#include <string>
#include <string_view>

#include "dlfs/base/file.h"

namespace dlfs {

// A file that grows by pieces, however large.
class NewFile {
 public:
  explicit NewFile(std::string path);
  ~NewFile();  // without commit() nothing is left
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  void write(std::string_view text);
  void commit();

 private:
  void flush();

  std::string path_, aside_, buffer_;
  Descriptor file_;
  bool done_ = false;
};

class NewFolder {
 public:
  explicit NewFolder(std::string path);
  ~NewFolder();
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;

  void write(const std::string& name, std::string_view text);  // name: a/b.txt; no name twice
  void commit();

 private:
  std::string path_, aside_;
  bool done_ = false;
};

// Written at once, without waiting for the disk. One that is there already is refused.
void write_new(const std::string& path, std::string_view text);

}  // namespace dlfs
