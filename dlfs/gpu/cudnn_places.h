// Where cuDNN may lie on this machine. Any thread.
#pragma once

#include <string>
#include <vector>

namespace dlfs {

// A place that was looked at, and what was there: "cuDNN 9.19.0", or the loader's complaint.
struct CudnnPlace {
  std::string where, found;
};

// What to hand to the loader, in this order: $DLFS_CUDNN (a file or a folder; then nothing else), the loader's own
// libcudnn.so.9, CUDA's folder, the system's, and what pip installed for the Pythons that are found.
std::vector<std::string> cudnn_places();

}  // namespace dlfs
