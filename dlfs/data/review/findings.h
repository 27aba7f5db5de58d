// What an audit finds: kinds of faults, each with its level, and of each kind how many there are and the first few by
// name. Any thread may add.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace dlfs {

// error: training would fail, or its figures would lie. warning: look at it. note: good to know.
enum class Level : uint8_t { error, warning, note };
std::string to_string(Level level);

enum class Fault : uint8_t {
  missing,
  unreadable,
  truncated,
  undecodable,
  wrong_size,
  outside,
  leaked,  // errors
  changed,
  copied,
  leaked_alike,
  crossing,
  degenerate,
  doubled,
  relabelled,
  untrained,  // warnings
  alike,
  rotated,
  cmyk,
  gray,
  blank,
  tiny,
  unlabelled,
  unused,
  learned,  // notes
};

struct FaultKind {
  Fault fault;
  Level level;
  const char* name;     // as a program reads it: "wrong_size"
  const char* meaning;  // to a person: "images of another size than the store says"
};
const std::vector<FaultKind>& fault_kinds();  // in the order of Fault

struct Finding {
  int64_t image = 0, annotation = 0;  // 0 where it is about none
  std::string name;                   // of the image's file, or of a class
  std::string what;                   // the fact, with both values; "" where the kind says it all
};

struct FindingGroup {
  const FaultKind* kind = nullptr;
  int64_t count = 0;
  std::vector<Finding> listed;  // the first by image and annotation, as many as were asked for
};

class Findings {
 public:
  explicit Findings(size_t listed) : listed_(listed), groups_(fault_kinds().size()) {}

  void add(Fault fault, Finding finding);
  std::vector<FindingGroup> take();  // of kinds that were found

 private:
  struct Group {
    int64_t count = 0;
    std::multimap<std::pair<int64_t, int64_t>, Finding> first;
  };

  std::mutex mutex_;
  size_t listed_;
  std::vector<Group> groups_;
};

}  // namespace dlfs
