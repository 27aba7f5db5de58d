// Numbers on a device, for tests of what has no op: engines and kernels by themselves.
#pragma once

#include "dlfs/tensor/half.h"
#include "dlfs/testing/op_case.h"

namespace dlfs::testing {

// The nearest numbers that the type holds.
inline Numbers rounded(Numbers numbers, DType dtype) {
  uint32_t stored = 0;
  for (double& number : numbers) {
    set_number(&stored, dtype, 0, number);
    number = number_at(&stored, dtype, 0);
  }
  return numbers;
}

class OnDevice {
 public:
  explicit OnDevice(Device& device) : device_(device) {}

  Tensor put(const Numbers& numbers, DType dtype) {  // [1,1,1,count], which lives as long as this
    const Spec spec{{1, 1, 1, static_cast<int>(numbers.size())}, dtype};
    std::vector<std::byte> content(bytes(spec));
    for (size_t i = 0; i < numbers.size(); ++i) set_number(content.data(), dtype, i, numbers[i]);
    memories_.push_back(device_.allocate(content.size()));
    const Tensor made{spec, memories_.back()->data()};
    device_.upload(made, content.data(), device_.stream());
    return made;
  }

  Numbers get(const Tensor& tensor) const {
    std::vector<std::byte> content(bytes(tensor.spec));
    device_.download(tensor, content.data(), device_.stream());
    Numbers numbers(static_cast<size_t>(tensor.shape().count()));
    for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = number_at(content.data(), tensor.spec.dtype, i);
    return numbers;
  }

 private:
  Device& device_;
  std::vector<MemoryPtr> memories_;
};

}  // namespace dlfs::testing
