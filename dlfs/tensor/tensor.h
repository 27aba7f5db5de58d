// Tensor is a view (what it is and where its first byte lies) and owns nothing; Memory is bytes on one device
// and the only owner. A kernel is handed Tensors and trusts them. A null Tensor (data == nullptr) is one that
// was not asked for.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

#include "dlfs/tensor/shape.h"

namespace dlfs {

struct Tensor {
  Spec spec;
  void* data = nullptr;

  explicit operator bool() const { return data != nullptr; }
  const Shape& shape() const { return spec.shape; }
  template <typename T>
  T* as() const {
    return static_cast<T*>(data);
  }
};

// Made by Device::allocate alone; freed when the last owner lets go. Not to be freed while a kernel still
// uses it.
class Memory {
 public:
  using Free = std::function<void(void*)>;
  Memory(void* data, size_t size, Free free) : data_(data), size_(size), free_(std::move(free)) {}
  ~Memory() { free_(data_); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  void* data() const { return data_; }
  size_t size() const { return size_; }
  void* at(size_t offset) const { return static_cast<std::byte*>(data_) + offset; }

 private:
  void* data_;
  size_t size_;
  Free free_;
};

using MemoryPtr = std::shared_ptr<Memory>;

// Every tensor in a shared buffer begins at a multiple of this: vector loads on every device, no shared cache
// lines.
inline constexpr size_t alignment = 256;
inline size_t aligned(size_t size) { return (size + alignment - 1) / alignment * alignment; }

}  // namespace dlfs
