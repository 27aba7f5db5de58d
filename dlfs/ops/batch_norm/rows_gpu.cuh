// What the GPU kernels of batch norm share: maps read as rows of channels, `V` neighbouring channels in one access, and
// blocks that keep what they read. A map is cut into slices of channels and parts of rows; one block takes one part of one
// slice, and all blocks are on the card at once, one a processor. So the blocks of a slice can wait for each other between
// the pass that adds up and the pass that applies; and what the second reads again is, as far as it fits, still in shared
// memory, or in the card's cache, since it goes backwards. Sums are made in one order for one card. For .cu files.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

namespace dlfs {

constexpr int norm_threads = 512;

// ---- packs of channels ----

template <int bytes>
struct Words {
  uint4 at[bytes / 16];
};
template <>
struct Words<4> {
  unsigned at[1];
};
template <>
struct Words<2> {
  unsigned short at[1];
};

template <typename T, int V>
using Raw = Words<sizeof(T) * V>;

enum class Reuse { soon, never };  // whether what is read or written should stay in the card's cache

template <typename T, int V>
__device__ Raw<T, V> load(const void* from, size_t pack, Reuse reuse) {
  Raw<T, V> raw;
  const auto* words = &(static_cast<const Raw<T, V>*>(from) + pack)->at[0];
#pragma unroll
  for (int i = 0; i < static_cast<int>(sizeof(raw.at) / sizeof(raw.at[0])); ++i)
    raw.at[i] = reuse == Reuse::never ? __ldcs(words + i) : __ldg(words + i);
  return raw;
}

template <typename T, int V>
__device__ void store(void* to, size_t pack, const Raw<T, V>& raw, Reuse reuse) {
  auto* words = &(static_cast<Raw<T, V>*>(to) + pack)->at[0];
#pragma unroll
  for (int i = 0; i < static_cast<int>(sizeof(raw.at) / sizeof(raw.at[0])); ++i)
    if (reuse == Reuse::never)
      __stcs(words + i, raw.at[i]);
    else
      words[i] = raw.at[i];
}

template <typename T, int V>
__device__ void unpack(const Raw<T, V>& raw, float (&values)[V]) {
  const T* at = reinterpret_cast<const T*>(&raw);
#pragma unroll
  for (int k = 0; k < V; ++k) values[k] = static_cast<float>(at[k]);
}

template <typename T, int V>
__device__ Raw<T, V> pack(const float (&values)[V]) {
  Raw<T, V> raw;
  T* at = reinterpret_cast<T*>(&raw);
#pragma unroll
  for (int k = 0; k < V; ++k) at[k] = T(values[k]);
  return raw;
}

// ---- who does what ----

struct NormLayout {
  unsigned rows = 0, packs = 0;       // of the map: n * h * w, channels / V
  unsigned lanes = 1, slices = 1;     // packs of a slice, which stand side by side in a block
  unsigned parts = 1, part_rows = 1;  // blocks of a slice, and the rows of each but the last
  unsigned cached = 0;                // rows of each part that stay in shared memory
  unsigned channels() const { return packs / slices; }
};

// A thread's place: its pack of channels and its rows, every `lines`-th from `first` to `end`.
struct NormPlace {
  __device__ explicit NormPlace(const NormLayout& of)
      : lane(threadIdx.x % of.lanes),
        line(threadIdx.x / of.lanes),
        lines(norm_threads / of.lanes),
        begin(blockIdx.x * of.part_rows),
        end(min(of.rows, begin + of.part_rows)),
        pack(blockIdx.y * of.lanes + lane),
        packs(of.packs),
        lanes(of.lanes) {
    works = line < lines;
  }
  __device__ size_t at(unsigned row) const { return static_cast<size_t>(row) * packs + pack; }
  __device__ unsigned in_cache(unsigned row) const { return (row - begin) * lanes + lane; }

  unsigned lane, line, lines, begin, end, pack, packs, lanes;
  bool works;
};

// use(row, load(row)) for the thread's rows of [from, to), several loads on their way at a time; backwards where asked for.
template <int unroll, typename Load, typename Use>
__device__ void each_row(const NormPlace& place, unsigned from, unsigned to, bool backwards,
                         const Load& load_row, const Use& use) {
  if (!place.works || from >= to) return;
  const unsigned count = to - from;
  const auto row = [&](unsigned i) { return backwards ? to - 1 - i : from + i; };
  unsigned i = place.line;
  for (; i + (unroll - 1) * place.lines < count; i += unroll * place.lines) {
    decltype(load_row(0u)) items[unroll];
#pragma unroll
    for (int u = 0; u < unroll; ++u) items[u] = load_row(row(i + u * place.lines));
#pragma unroll
    for (int u = 0; u < unroll; ++u) use(row(i + u * place.lines), items[u]);
  }
  for (; i < count; i += place.lines) use(row(i), load_row(row(i)));
}

// ---- sums ----

// Shared memory that a block's sums need: floats.
constexpr unsigned sum_floats(int V, int quantities) { return norm_threads * V * quantities; }

// The sums of `Q` quantities over the block's lines, for each channel of the slice: total(channel, sums) is called by one
// thread a channel.
template <int V, int Q, typename Total>
__device__ void sum_lines(const NormPlace& place, const float (&mine)[Q][V], float* buffer,
                          const Total& total) {
  const unsigned channels = place.lanes * V;
  const bool in_warps = 32 % place.lanes == 0;  // a warp's lines are added up in the warp first
  float sums[Q][V];
#pragma unroll
  for (int q = 0; q < Q; ++q)
#pragma unroll
    for (int k = 0; k < V; ++k) {
      sums[q][k] = mine[q][k];
      if (in_warps)
        for (unsigned offset = place.lanes; offset < 32; offset *= 2)
          sums[q][k] += __shfl_xor_sync(~0U, sums[q][k], offset);
    }
  const unsigned groups = in_warps ? norm_threads / 32 : place.lines;
  const unsigned group = in_warps ? threadIdx.x / 32 : place.line;
  const bool writes = in_warps ? threadIdx.x % 32 < place.lanes : place.works;
  __syncthreads();
  if (writes)
#pragma unroll
    for (int q = 0; q < Q; ++q)
#pragma unroll
      for (int k = 0; k < V; ++k) buffer[(q * groups + group) * channels + place.lane * V + k] = sums[q][k];
  __syncthreads();
  for (unsigned channel = threadIdx.x; channel < channels; channel += norm_threads) {
    float all[Q] = {};
#pragma unroll
    for (int q = 0; q < Q; ++q)
      for (unsigned g = 0; g < groups; ++g) all[q] += buffer[(q * groups + g) * channels + channel];
    total(channel, all);
  }
  __syncthreads();
}

// For each channel of the slice, the sum over the slice's parts of value(part, channel), as results[channel] in shared
// memory. requires: a buffer of norm_threads floats beside it.
template <typename Value>
__device__ void sum_parts(unsigned channels, unsigned parts, float* buffer, float* results,
                          const Value& value) {
  const unsigned across = min(channels, static_cast<unsigned>(norm_threads)), subs = norm_threads / across;
  const unsigned sub = threadIdx.x / across;
  for (unsigned first = 0; first < channels; first += across) {
    const unsigned channel = first + threadIdx.x % across;
    float sum = 0;
    if (sub < subs && channel < channels)
#pragma unroll 4
      for (unsigned part = sub; part < parts; part += subs) sum += value(part, channel);
    buffer[threadIdx.x] = sum;
    __syncthreads();
    if (sub == 0 && channel < channels) {
      for (unsigned other = 1; other < subs; ++other) sum += buffer[other * across + threadIdx.x];
      results[channel] = sum;
    }
    __syncthreads();
  }
}

// Until all `parts` blocks that share the counter have come here; what they wrote before is then seen. The counter only
// grows, so it serves every launch.
__device__ inline void wait_for_all(unsigned long long* counter, unsigned parts) {
  __syncthreads();
  if (parts > 1 && threadIdx.x == 0) {
    __threadfence();
    const unsigned long long ticket = atomicAdd(counter, 1ULL);
    const unsigned long long all = (ticket / parts + 1) * parts;
    while (*static_cast<volatile unsigned long long*>(counter) < all) {
    }
    __threadfence();
  }
  __syncthreads();
}

}  // namespace dlfs
