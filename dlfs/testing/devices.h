// The devices of a test. A test of the GPU says in a sentence why it was skipped.
#pragma once

#include <gtest/gtest.h>

#include "dlfs/cpu/cpu_device.h"
#include "dlfs/gpu/gpu.h"

// Declares `gpu`, a std::unique_ptr<Device>, or skips the test where the machine has no GPU that dlfs can use.
#define DLFS_NEEDS_GPU(gpu)                                                          \
  if (const std::string why_not = ::dlfs::look_for_gpus().why_not; !why_not.empty()) \
    GTEST_SKIP() << why_not;                                                         \
  const std::unique_ptr<::dlfs::Device> gpu = ::dlfs::open_gpu(0)
