// What a CPU half gives whose work is plain loops: a Kernel that does them, in the thread that runs it.
#pragma once

#include <memory>
#include <utility>

#include "dlfs/tensor/device.h"

namespace dlfs {

// A Kernel whose run() is work().
template <typename Work>
KernelPtr cpu_kernel(Work work) {
  struct Working : Kernel {
    explicit Working(Work what) : work(std::move(what)) {}
    void run(Stream) override { work(); }
    Work work;
  };
  return std::make_unique<Working>(std::move(work));
}

}  // namespace dlfs
