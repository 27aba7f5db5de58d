// The kernel that the updates of all parameters share, for .cu files alone: one launch over all of them, cut into chunks
// of which each block takes one. What is done to an element is the update's, as update_cpu.h says. Where the factor is
// 0, blocks end at once.
#pragma once

#include <algorithm>
#include <vector>

#include "dlfs/gpu/launch.h"
#include "dlfs/gpu/pack.h"
#include "dlfs/ops/update.h"

namespace dlfs {

constexpr int update_threads = 256, update_chunk = 16 * update_threads;

// A stretch of one parameter and of what belongs to it: the work of one block.
template <int parts>
struct UpdateChunk {
  float* part[parts];  // the parameter, and what is kept of it
  const void* gradient;
  void* copy;  // null where there is none
  int count, row;
  float decay;
  DType gradient_type, copy_type;
};

// Numbers of 16 bits, by the instructions that every card has.
inline __device__ float widened(uint16_t bits, DType dtype) {
  if (dtype == DType::bf16) return __uint_as_float(static_cast<unsigned>(bits) << 16);
  float value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
  return value;
}

inline __device__ uint16_t narrowed(float value, DType dtype) {
  if (dtype == DType::bf16) {
    const unsigned whole = __float_as_uint(value);
    const bool nan = (whole & 0x7fffffff) > 0x7f800000;
    return static_cast<uint16_t>(nan ? (whole >> 16) | 0x40 : (whole + 0x7fff + (whole >> 16 & 1)) >> 16);
  }
  uint16_t bits;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
  return bits;
}

// The i-th `width` floats of any type, in one access.
template <int width>
__device__ Pack<float, width> read_floats(const void* from, DType dtype, int i) {
  if (dtype == DType::f32) return static_cast<const Pack<float, width>*>(from)[i];
  const Pack<uint16_t, width> narrow = static_cast<const Pack<uint16_t, width>*>(from)[i];
  Pack<float, width> wide;
#pragma unroll
  for (int k = 0; k < width; ++k) wide.at[k] = widened(narrow.at[k], dtype);
  return wide;
}

template <int width>
__device__ void write_floats(void* to, DType dtype, int i, const Pack<float, width>& values) {
  if (dtype == DType::f32) {
    static_cast<Pack<float, width>*>(to)[i] = values;
    return;
  }
  Pack<uint16_t, width> narrow;
#pragma unroll
  for (int k = 0; k < width; ++k) narrow.at[k] = narrowed(values.at[k], dtype);
  static_cast<Pack<uint16_t, width>*>(to)[i] = narrow;
}

// `width` elements of each part from the i-th such group on, read and written in one access each.
template <int width, int parts, typename Update>
__device__ void update_elements(const UpdateChunk<parts>& chunk, int i, float factor, const Update& update) {
  Pack<float, width> packs[parts];
  const Pack<float, width> gradient = read_floats<width>(chunk.gradient, chunk.gradient_type, i);
#pragma unroll
  for (int part = 0; part < parts; ++part) packs[part] = read_floats<width>(chunk.part[part], DType::f32, i);
#pragma unroll
  for (int k = 0; k < width; ++k) {
    float at[parts];
#pragma unroll
    for (int part = 0; part < parts; ++part) at[part] = packs[part].at[k];
    update(at, gradient.at[k] * factor, chunk.decay);
#pragma unroll
    for (int part = 0; part < parts; ++part) packs[part].at[k] = at[part];
  }
#pragma unroll
  for (int part = 0; part < parts; ++part) write_floats(chunk.part[part], DType::f32, i, packs[part]);
  if (chunk.copy != nullptr) write_floats(chunk.copy, chunk.copy_type, i, packs[0]);
}

// One chunk a block. Chunks begin where four floats may be read at once; what is left over at the end goes one by one.
template <int parts, typename Update>
__global__ void update_chunks(const UpdateChunk<parts>* chunks, const float* factor_at, Update update) {
  const float factor = factor_at == nullptr ? 1.0f : *factor_at;
  if (factor == 0) return;
  const UpdateChunk<parts> chunk = chunks[blockIdx.x];
  update.begin(chunk.row);
  const int fours = chunk.count / 4;
  for (int i = threadIdx.x; i < fours; i += update_threads) update_elements<4>(chunk, i, factor, update);
  for (int i = 4 * fours + threadIdx.x; i < chunk.count; i += update_threads)
    update_elements<1>(chunk, i, factor, update);
}

// The chunks of all rows, on the device, those of a row side by side.
template <int parts>
class UpdateTable {
 public:
  UpdateTable(Device& device, const std::vector<UpdateRow>& rows, const float* factor) : factor_(factor) {
    std::vector<UpdateChunk<parts>> chunks;
    for (size_t r = 0; r < rows.size(); ++r) {
      const UpdateRow& row = rows[r];
      const int64_t count = row.parameter.shape().count();
      const auto at_element = [](const Tensor& tensor, int64_t i) -> void* {
        return tensor ? tensor.as<char>() + i * static_cast<int64_t>(bytes(tensor.spec.dtype)) : nullptr;
      };
      for (int64_t from = 0; from < count; from += update_chunk) {
        UpdateChunk<parts>& chunk = chunks.emplace_back();
        chunk.part[0] = row.parameter.as<float>() + from;
        for (int part = 1; part < parts; ++part) chunk.part[part] = row.kept[part - 1].as<float>() + from;
        chunk.gradient = at_element(row.gradient, from);
        chunk.copy = at_element(row.copy, from);
        chunk.count = static_cast<int>(std::min<int64_t>(update_chunk, count - from));
        chunk.row = static_cast<int>(r);
        chunk.decay = row.decay;
        chunk.gradient_type = row.gradient.spec.dtype;
        chunk.copy_type = row.copy.spec.dtype;
      }
    }
    const int size = static_cast<int>(chunks.size() * sizeof(UpdateChunk<parts>));
    memory_ = device.allocate(size);
    device.upload({{{1, 1, 1, size}, DType::u8}, memory_->data()}, chunks.data(), device.stream());
    blocks_ = static_cast<unsigned>(chunks.size());
  }

  template <typename Update>
  void launch(const Update& update, const char* name, Stream stream) const {
    update_chunks<<<blocks_, update_threads, 0, static_cast<cudaStream_t>(stream.native)>>>(chunks(), factor_,
                                                                                            update);
    check_launch(name);
  }

  const UpdateChunk<parts>* chunks() const { return static_cast<const UpdateChunk<parts>*>(memory_->data()); }
  const float* factor() const { return factor_; }  // null: 1
  unsigned blocks() const { return blocks_; }

 private:
  MemoryPtr memory_;
  unsigned blocks_;
  const float* factor_;
};

}  // namespace dlfs
