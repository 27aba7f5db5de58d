// The GPU as the program sees it: what this machine has and why it cannot be used, and the way to open a card.
// A build without CUDA has the same two functions (absent.cpp), which say so. Any thread.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "dlfs/gpu/library_places.h"
#include "dlfs/tensor/device.h"

namespace dlfs {

struct GpuCard {
  int index = 0;
  std::string name;         // "NVIDIA H100 80GB HBM3"
  int capability = 0;       // 90 is sm_90
  int processors = 0;       // streaming multiprocessors
  size_t memory_total = 0;  // bytes
  size_t memory_free = 0;   // 0 where it was not asked for
};

struct GpuReport {
  std::string driver;   // the newest CUDA that the driver serves, "13.0"; "" without a driver
  std::string runtime;  // the CUDA that this build was compiled with; "" in a build without
  std::vector<GpuCard> cards;
  std::vector<LibraryPlace> cudnn_tried;   // in the order of the search, up to the one that serves
  std::string cudnn_path, cudnn_version;   // "" where none was found
  std::vector<LibraryPlace> nvjpeg_tried;  // the same of nvJPEG, where it is asked for
  std::string nvjpeg_path, nvjpeg_version;
  std::string why_not;  // why gpu:0 cannot be used, a sentence; "" where it can
};

struct GpuQuestion {
  bool memory_free = false;  // costs a context on every card: some 0.3 s and 500 MB each
  bool nvjpeg = false;
};

// Never throws.
GpuReport look_for_gpus(const GpuQuestion& question = {});

// Throws DeviceError with the sentence where the card cannot be used. Its engines in 16 bits are measured at first use and
// remembered in $DLFS_CACHE (or $XDG_CACHE_HOME/dlfs, ~/.cache/dlfs), unless DLFS_MEASURE is 0.
std::unique_ptr<Device> open_gpu(int index);

// Bytes that are free on a device that open_gpu() gave.
size_t gpu_memory_free(const Device& device);

}  // namespace dlfs
