// The fuzzing program: libFuzzer's, with the target that the environment variable DLFS_FUZZ names. Without one it prints
// their names.
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>

#include "dlfs/testing/fuzz.h"

namespace {

const dlfs::testing::FuzzTarget& chosen() {
  const char* name = std::getenv("DLFS_FUZZ");
  for (const auto& target : dlfs::testing::fuzz_targets()) {
    if (name != nullptr && std::string(name) == target.name) return target;
    if (name == nullptr) std::cout << target.name << "\n";
  }
  if (name != nullptr) std::cerr << "dlfs_fuzz: there is no target " << name << "\n";
  std::exit(name == nullptr ? 0 : 2);
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  chosen();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto& target = chosen();
  dlfs::testing::fuzz_once(target, std::as_bytes(std::span(data, size)));
  return 0;
}
