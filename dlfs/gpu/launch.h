// What every file that calls the CUDA runtime shares: a failed call becomes a sentence, and a lambda becomes a
// Kernel. Free of the vendor's headers; its codes are ints here.
#pragma once

#include <functional>
#include <string>

#include "dlfs/tensor/device.h"

namespace dlfs {

// Throws DeviceError with the call, its code and CUDA's words, unless the code is 0.
void cuda_check(int code, const char* call);

// To be called after each launch of a kernel of ours: throws where the launch was refused.
void check_launch(const char* kernel);

// A Kernel that does `work`, which only enqueues.
KernelPtr gpu_kernel(std::function<void(Stream)> work, std::string engine = "own");

// How many blocks of `size` threads give each of `count` items one thread.
inline unsigned blocks_for(int64_t count, int size) {
  return static_cast<unsigned>((count + size - 1) / size);
}

}  // namespace dlfs
