// State is all that outlives a step, by name: parameters, statistics, optimizer tensors, counters. A
// checkpoint walks it and nothing else. Several traces and plans share one State; tracing a model again finds
// its entries by name. Entries of one role lie back to back in one buffer, and so do the gradients of the
// parameters, which live beside them and are no part of the State's content. One thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "dlfs/tensor/device.h"

namespace dlfs {

enum class Role : uint8_t { parameter, statistic, optimizer, counter };

// How an entry begins: a constant, or random numbers that are a function of (seed of the State, name, index)
// alone.
struct Init {
  enum class Kind : uint8_t { constant, uniform, normal };
  Kind kind = Kind::constant;
  float value = 0;  // the constant, the bound of the uniform numbers, or the deviation of the normal ones
};

// How an entry is written to a file, whose names, shapes and order are PyTorch's: [n,h,w,c] in memory becomes
// filter: (n,c,h,w); matrix: (n, c*h*w); vector: (c).
enum class FileLayout : uint8_t { filter, matrix, vector };

struct Param {
  int index = -1;  // of State::entries()
};

class State {
 public:
  struct Entry {
    std::string name;
    Spec spec;
    Role role;
    Init init;
    FileLayout layout;
    Tensor tensor;    // null before allocate()
    Tensor gradient;  // of a parameter, where a plan trains it; null otherwise
    // The 16-bit copy of a parameter that matrix work reads, and the gradient by it; absent where no trace asked for it.
    // Whoever writes `tensor` writes the copy: set(), and the updates of ops/.
    Tensor working = {absent, nullptr}, working_gradient = {absent, nullptr};
  };
  // A gradient that a plan needs: by the parameter itself, or by its working copy.
  struct GradientOf {
    int entry;
    bool working;
  };

  explicit State(uint64_t seed) : seed_(seed) {}

  // The same Param for the same name and Spec; throws ShapeError naming both where the Spec differs.
  Param add(const std::string& name, const Spec& spec, Role role, const Init& init,
            FileLayout layout = FileLayout::vector);

  // Asks for a 16-bit copy of a parameter, kept beside it. One type for each: throws ShapeError naming both.
  void keep_working(Param param, DType dtype);

  // Gives every entry that has none its memory on the device and its first values. requires: always the same
  // device.
  void allocate(Device& device);
  void allocate_gradients(Device& device, const std::vector<GradientOf>& wanted);
  // Gives an entry with memory other values, and its working copy the same. requires: bytes(spec) bytes.
  void set(Device& device, Param param, const void* values);

  uint64_t seed() const { return seed_; }
  const std::vector<Entry>& entries() const { return entries_; }
  const Entry& entry(Param param) const { return entries_[param.index]; }
  const Entry* find(const std::string& name) const;
  int64_t parameter_count() const;

 private:
  void allocate_working(Device& device);

  uint64_t seed_;
  std::vector<Entry> entries_;
  std::map<std::string, int> by_name_;
  std::vector<MemoryPtr> memories_;
};

}  // namespace dlfs
