// Runs the real program, which lies beside the test program, as a user would. One thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "dlfs/testing/folder.h"

namespace dlfs::testing {

struct SpawnSettings {
  std::string out;  // a file to be standard output, as "/dev/full"; "" for one that is read afterwards
  bool out_closed = false;      // no standard output at all
  uint64_t max_file_bytes = 0;  // no file may grow beyond (RLIMIT_FSIZE), as on a full disk; 0: any
};

struct Ended {
  int code = -1;         // its exit code; -1 where a signal ended it
  std::string out, err;  // all that it wrote
};

class Spawn {
 public:
  explicit Spawn(const std::vector<std::string>& words, const SpawnSettings& settings = {});
  Spawn(const Spawn&) = delete;
  Spawn& operator=(const Spawn&) = delete;
  ~Spawn();
  void signal(int number) const;
  Ended wait();

 private:
  Folder folder_;
  pid_t pid_ = -1;
};

Ended run_program(const std::vector<std::string>& words, const SpawnSettings& settings = {});

// The program answers with exit code 2 and this very sentence.
void expect_refused(const std::vector<std::string>& words, const std::string& sentence);

// What lies in a folder and below, by name, sorted: to see that nothing half-written was left.
std::vector<std::string> names_in(const std::string& folder);

}  // namespace dlfs::testing
