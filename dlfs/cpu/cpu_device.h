// The CPU as a device: memory from the heap, work done at once by the thread that enqueues it, so there is
// nothing to wait for and a recording is the calls themselves. Used from one thread at a time.
#pragma once

#include <memory>
#include <string>

#include "dlfs/tensor/device.h"

namespace dlfs {

std::unique_ptr<Device> open_cpu();

// What `dlfs doctor` says about this machine's CPU and the library that uses it.
struct CpuFacts {
  std::string model;         // "AMD EPYC 9655 96-Core Processor"
  int cores = 1;             // that this process may run on
  int threads = 1;           // that oneDNN's OpenMP starts with (OMP_NUM_THREADS)
  std::string onednn;        // "3.2.0"
  std::string instructions;  // the widest that oneDNN uses here: "avx512_core_bf16"
};

CpuFacts cpu_facts();

}  // namespace dlfs
