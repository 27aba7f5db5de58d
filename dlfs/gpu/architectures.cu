#include <algorithm>

#include "dlfs/gpu/architectures.h"

namespace dlfs {

int oldest_architecture() {
  return std::min({__CUDA_ARCH_LIST__}) / 10;  // nvcc's list, 750,800,...
}

}  // namespace dlfs
