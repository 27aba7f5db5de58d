// What the GPU kernels of batch norm share: maps read as rows of channels, `V` neighbouring channels in one access, and
// blocks that keep what they read. A map is cut into slices of channels and parts of rows; one block takes one part of one
// slice, and all blocks are on the card at once, one a processor. So the blocks of a slice can wait for each other between
// the pass that adds up and the pass that applies; and what the second reads again is, as far as it fits, still in shared
// memory, or in the card's cache, since it goes backwards. Rows are copied to shared memory several ahead of their use, so
// that memory is never idle. Sums are made in one order for one card. For .cu files.
#pragma once

#include <cstdint>

#include "dlfs/gpu/number.cuh"

namespace dlfs::norm {

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
  for (int k = 0; k < V; ++k) values[k] = wide(at[k]);
}

template <typename T, int V>
__device__ Raw<T, V> pack(const float (&values)[V]) {
  Raw<T, V> raw;
  T* at = reinterpret_cast<T*>(&raw);
#pragma unroll
  for (int k = 0; k < V; ++k) at[k] = rounded<T>(values[k]);
  return raw;
}

// `V` floats that lie side by side, of a pack's channels: four in one access.
template <int V>
__device__ void read_floats(const float* from, float (&to)[V]) {
  if constexpr (V % 4 == 0) {
#pragma unroll
    for (int k = 0; k < V; k += 4) {
      const float4 four = *reinterpret_cast<const float4*>(from + k);
      to[k] = four.x, to[k + 1] = four.y, to[k + 2] = four.z, to[k + 3] = four.w;
    }
  } else {
#pragma unroll
    for (int k = 0; k < V; ++k) to[k] = from[k];
  }
}
template <int V>
__device__ void write_floats(float* to, const float (&from)[V]) {
  if constexpr (V % 4 == 0) {
#pragma unroll
    for (int k = 0; k < V; k += 4)
      *reinterpret_cast<float4*>(to + k) = make_float4(from[k], from[k + 1], from[k + 2], from[k + 3]);
  } else {
#pragma unroll
    for (int k = 0; k < V; ++k) to[k] = from[k];
  }
}

// ---- copies that run ahead ----

// To shared memory; seen by this thread after wait_but().
template <typename T, int V>
__device__ void copy_ahead(Raw<T, V>* to, const void* from, size_t pack) {
#if __CUDA_ARCH__ >= 800
  if constexpr (sizeof(Raw<T, V>) >= 16) {
    const Raw<T, V>* source = static_cast<const Raw<T, V>*>(from) + pack;
#pragma unroll
    for (int i = 0; i < static_cast<int>(sizeof(Raw<T, V>) / 16); ++i)
      asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(
                       static_cast<unsigned>(__cvta_generic_to_shared(&to->at[i]))),
                   "l"(&source->at[i])
                   : "memory");
    return;
  }
#endif
  *to = load<T, V>(from, pack, Reuse::soon);
}

__device__ inline void end_of_copies() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

template <int groups>
__device__ void wait_but() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_group %0;" ::"n"(groups) : "memory");
#endif
}

// A thread's way through rows first, first + step, ...: what issue(row, slot) copies is there when use(row, slot, extra)
// is called `slots` rows later, extra being what issue() gave back. slots: `depth`, or 1 where a card's shared memory is small.
template <int depth>
struct Ahead {
  __device__ Ahead(int from, int to, bool backwards, int slots)
      : count(max(0, to - from)), first(backwards ? to - 1 : from), step(backwards ? -1 : 1), slots(slots) {}

  template <typename Issue>
  __device__ void start(const Issue& issue) {
#pragma unroll
    for (int slot = 0; slot < depth; ++slot) {
      if (slot < min(count, slots)) extra[slot] = issue(first + slot * step, slot);
      end_of_copies();
    }
  }
  template <typename Issue, typename Use>
  __device__ void finish(const Issue& issue, const Use& use) {
    if (slots < depth) {
      for (int i = 0; i < count; ++i) {
        wait_but<0>();
        use(first + i * step, 0, extra[0]);
        if (i + 1 < count) extra[0] = issue(first + (i + 1) * step, 0);
        end_of_copies();
      }
      return;
    }
    for (int done = 0; done < count; done += depth)
#pragma unroll
      for (int slot = 0; slot < depth; ++slot) {
        const int i = done + slot;
        if (i >= count) continue;
        wait_but<depth - 1>();
        use(first + i * step, slot, extra[slot]);
        if (i + depth < count) extra[slot] = issue(first + (i + depth) * step, slot);
        end_of_copies();
      }
  }

  int count, first, step, slots;
  unsigned extra[depth];
};

// ---- who does what ----

struct NormLayout {
  unsigned rows = 0, packs = 0;       // of the map: n * h * w, channels / V
  unsigned lanes = 1, slices = 1;     // packs of a slice, which stand side by side in a block
  unsigned parts = 1, part_rows = 1;  // blocks of a slice, and the rows of each but the last
  int slots = 1;                      // rows that a thread reads ahead
  int kept = 0;                       // of each thread's rows, the first so many stay in shared memory
};

// A thread's place: its pack of channels, and its rows: every `lines`-th of its part.
struct NormPlace {
  __device__ explicit NormPlace(const NormLayout& of)
      : lane(threadIdx.x % of.lanes),
        line(threadIdx.x / of.lanes),
        lines(norm_threads / of.lanes),
        begin(blockIdx.x * of.part_rows),
        end(min(of.rows, begin + of.part_rows)),
        pack(blockIdx.y * of.lanes + lane),
        packs(of.packs),
        lanes(of.lanes),
        works(line < lines),
        rows(works && begin + line < end ? static_cast<int>((end - begin - line + lines - 1) / lines) : 0) {}
  __device__ size_t at(int row) const {
    return static_cast<size_t>(begin + line + static_cast<unsigned>(row) * lines) * packs + pack;
  }

  unsigned lane, line, lines, begin, end, pack, packs, lanes;
  bool works;
  int rows;
};

// ---- sums ----

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
      write_floats<V>(buffer + (q * groups + group) * channels + place.lane * V, sums[q]);
  __syncthreads();
  for (unsigned channel = threadIdx.x; channel < channels; channel += norm_threads) {
    float all[Q] = {};
#pragma unroll
    for (int q = 0; q < Q; ++q)
#pragma unroll 16
      for (unsigned g = 0; g < groups; ++g) all[q] += buffer[(q * groups + g) * channels + channel];
    total(channel, all);
  }
  __syncthreads();
}

// For each channel of the slice, the sums over the slice's parts of `Q` numbers: results[q * channels + channel] in shared
// memory. load(part, channel, numbers) reads them, many at once; weigh(part, numbers) may then change them. requires: a
// buffer of Q * norm_threads floats.
template <int Q, typename Load, typename Weigh>
__device__ void sum_parts(unsigned channels, unsigned parts, float* buffer, float* results, const Load& load,
                          const Weigh& weigh) {
  constexpr int at_once = 9;  // two rounds for all of 132 processors
  const unsigned across = min(channels, static_cast<unsigned>(norm_threads)), subs = norm_threads / across;
  const unsigned sub = threadIdx.x / across, channel = threadIdx.x % across;
  float sums[Q] = {};
  if (sub < subs)
    for (unsigned first = sub; first < parts; first += subs * at_once) {
      float numbers[at_once][Q];
#pragma unroll
      for (int i = 0; i < at_once; ++i)
        if (first + i * subs < parts) load(first + i * subs, channel, numbers[i]);
#pragma unroll
      for (int i = 0; i < at_once; ++i) {
        if (first + i * subs >= parts) continue;
        weigh(first + i * subs, numbers[i]);
#pragma unroll
        for (int q = 0; q < Q; ++q) sums[q] += numbers[i][q];
      }
    }
#pragma unroll
  for (int q = 0; q < Q; ++q) buffer[q * norm_threads + threadIdx.x] = sums[q];
  __syncthreads();
  if (sub == 0)
#pragma unroll
    for (int q = 0; q < Q; ++q) {
      float sum = sums[q];
#pragma unroll 8
      for (unsigned other = 1; other < subs; ++other)
        sum += buffer[q * norm_threads + other * across + channel];
      results[q * channels + channel] = sum;
    }
  __syncthreads();
}

// Until all `parts` blocks that share the counter have come here; what they wrote before is then seen. The counter only
// grows, so it serves every launch.
__device__ inline void wait_for_all(unsigned long long* counter, unsigned parts) {
  __syncthreads();
  if (parts > 1 && threadIdx.x == 0) {
    unsigned long long seen = 0;
    asm volatile("atom.add.release.gpu.global.u64 %0, [%1], 1;" : "=l"(seen) : "l"(counter) : "memory");
    const unsigned long long all = (seen / parts + 1) * parts;
    while (seen < all)
      asm volatile("ld.acquire.gpu.global.u64 %0, [%1];" : "=l"(seen) : "l"(counter) : "memory");
  }
  __syncthreads();
}

}  // namespace dlfs::norm
