#include "dlfs/models/file_layout.h"

#include "dlfs/base/error.h"
#include "dlfs/tensor/half.h"

namespace dlfs {
namespace {

// `place` is called with both indices of each element.
template <typename Place>
void for_each_element(const Shape& s, Place place) {
  size_t in_memory = 0;
  for (int n = 0; n < s.n; ++n)
    for (int y = 0; y < s.h; ++y)
      for (int x = 0; x < s.w; ++x)
        for (int c = 0; c < s.c; ++c) place(in_memory++, ((size_t(n) * s.c + c) * s.h + y) * s.w + x);
}

DType type_of(const SafeTensor& tensor) {
  return tensor.dtype == "F16" ? DType::f16 : tensor.dtype == "BF16" ? DType::bf16 : DType::f32;
}

}  // namespace

bool in_model_file(const State::Entry& entry) {
  return entry.role == Role::parameter || entry.role == Role::statistic;
}

std::vector<int64_t> file_shape(const State::Entry& entry) {
  const Shape& s = entry.spec.shape;
  switch (entry.layout) {
    case FileLayout::filter:
      return {s.n, s.c, s.h, s.w};
    case FileLayout::matrix:
      return {s.n, int64_t{s.c} * s.h * s.w};
    case FileLayout::vector:
      return {s.count()};
  }
  return {};
}

std::vector<float> file_values(const State::Entry& entry, Device& device) {
  DLFS_CHECK(entry.spec.dtype == DType::f32, entry.name, " is ", to_string(entry.spec));
  std::vector<float> memory(static_cast<size_t>(entry.spec.shape.count())), content(memory.size());
  device.download(entry.tensor, memory.data(), device.stream());
  for_each_element(entry.spec.shape, [&](size_t from, size_t to) { content[to] = memory[from]; });
  return content;
}

void set_from_file(State& state, int index, Device& device, const SafeTensor& tensor) {
  const Shape& shape = state.entries()[index].spec.shape;
  std::vector<float> content(static_cast<size_t>(shape.count())), memory(content.size());
  DLFS_CHECK(tensor.bytes.size() == content.size() * bytes(type_of(tensor)), tensor.name);
  const std::vector<std::byte> copied(tensor.bytes.begin(),
                                      tensor.bytes.end());  // a file's need not be aligned
  convert(copied.data(), type_of(tensor), content.data(), DType::f32, content.size());
  for_each_element(shape, [&](size_t to, size_t from) { memory[to] = content[from]; });
  state.set(device, {index}, memory.data());
}

}  // namespace dlfs
