// What a CPU half gives whose work is plain loops: a Kernel that does them, in the thread that runs it.
#pragma once

#include <memory>
#include <utility>

#include "dlfs/cpu/number.h"
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

// A Kernel whose run() is work.operator()<T>(), T being what maps of this type hold: float or Bf16.
template <typename Work>
KernelPtr cpu_kernel(DType dtype, Work work) {
  return for_type(dtype, [&]<typename T>() {
    return cpu_kernel([work = std::move(work)]() mutable { work.template operator()<T>(); });
  });
}

}  // namespace dlfs
