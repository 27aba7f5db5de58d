// The kernel that the updates of all parameters share, for .cu files alone: one launch over all of them, cut into chunks
// of which each block takes one. What is done to an element is the update's:
//
//   struct Sgd {
//     __device__ void begin();                               once a thread, before its first element
//     template <int parts>
//     __device__ void operator()(float (&at)[parts]) const;  the element of each part; that of part 1, the gradient, stays
//   };
#pragma once

#include <algorithm>
#include <vector>

#include "dlfs/gpu/launch.h"
#include "dlfs/ops/update.h"

namespace dlfs {

constexpr int update_threads = 256, update_chunk = 16 * update_threads;

// A stretch of one parameter and of what belongs to it: the work of one block.
template <int parts>
struct UpdateChunk {
  float* part[parts];
  int count;
};

// `width` elements of each part from the i-th such group on, read and written in one access each.
template <int width, int parts, typename Update>
__device__ void update_elements(const UpdateChunk<parts>& chunk, int i, const Update& update) {
  struct alignas(sizeof(float) * width) Pack {
    float at[width];
  };
  Pack packs[parts];
#pragma unroll
  for (int part = 0; part < parts; ++part) packs[part] = reinterpret_cast<const Pack*>(chunk.part[part])[i];
#pragma unroll
  for (int k = 0; k < width; ++k) {
    float at[parts];
#pragma unroll
    for (int part = 0; part < parts; ++part) at[part] = packs[part].at[k];
    update(at);
#pragma unroll
    for (int part = 0; part < parts; ++part) packs[part].at[k] = at[part];
  }
#pragma unroll
  for (int part = 0; part < parts; ++part)
    if (part != 1) reinterpret_cast<Pack*>(chunk.part[part])[i] = packs[part];
}

// One chunk a block. Chunks begin where four floats may be read at once; what is left over at the end goes one by one.
template <int parts, typename Update>
__global__ void update_chunks(const UpdateChunk<parts>* chunks, Update update) {
  const UpdateChunk<parts> chunk = chunks[blockIdx.x];
  update.begin();
  const int fours = chunk.count / 4;
  for (int i = threadIdx.x; i < fours; i += update_threads) update_elements<4>(chunk, i, update);
  for (int i = 4 * fours + threadIdx.x; i < chunk.count; i += update_threads)
    update_elements<1>(chunk, i, update);
}

// The chunks of all rows, on the device.
template <int parts>
class UpdateTable {
 public:
  UpdateTable(Device& device, const std::vector<UpdateRow>& rows) {
    std::vector<UpdateChunk<parts>> chunks;
    for (const UpdateRow& row : rows) {
      const int64_t count = row[0].shape().count();
      for (int64_t from = 0; from < count; from += update_chunk) {
        UpdateChunk<parts>& chunk = chunks.emplace_back();
        for (int part = 0; part < parts; ++part) chunk.part[part] = row[part].as<float>() + from;
        chunk.count = static_cast<int>(std::min<int64_t>(update_chunk, count - from));
      }
    }
    const int size = static_cast<int>(chunks.size() * sizeof(UpdateChunk<parts>));
    memory_ = device.allocate(size);
    device.upload({{{1, 1, 1, size}, DType::u8}, memory_->data()}, chunks.data(), device.stream());
    blocks_ = static_cast<unsigned>(chunks.size());
  }

  template <typename Update>
  void launch(const Update& update, const char* name, Stream stream) const {
    update_chunks<<<blocks_, update_threads, 0, static_cast<cudaStream_t>(stream.native)>>>(
        static_cast<const UpdateChunk<parts>*>(memory_->data()), update);
    check_launch(name);
  }

 private:
  MemoryPtr memory_;
  unsigned blocks_;
};

}  // namespace dlfs
