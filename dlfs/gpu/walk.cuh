// Kernels over a Walk: an op says what an element is, or four neighbours, and they are stored, or summed over the axes
// along which a side of the walk repeats. Computing is in f32. Sums are cut into parts by shape alone and added
// up in one fixed order, so that every card and every run gives the same bits. For .cu files.
//
// An op is a struct with
//   using Stored = T;                                                        what its tensors hold
//   template <int width> __device__ Pack<float, width> at(Offsets) const;    the elements that begin there
//   bool packs() const;                                                      its tensors may be read 16 bytes at a time
#pragma once

#include <cstddef>
#include <cstdint>

#include "dlfs/gpu/divisor.h"
#include "dlfs/gpu/launch.h"
#include "dlfs/gpu/number.cuh"
#include "dlfs/tensor/walk.h"

namespace dlfs {

template <typename T>
bool packs(const T* data) {
  return reinterpret_cast<uintptr_t>(data) % 16 == 0;
}

// Where an element lies in each of a walk's tensors.
struct Offsets {
  unsigned whole = 0, a = 0, b = 0;
  __device__ Offsets operator+(Offsets other) const {
    return {whole + other.whole, a + other.a, b + other.b};
  }
};

// Some axes of a walk, counted by one index; along the walk's inner axis in packs.
struct Axes {
  unsigned count = 1;
  int first = Walk::inner;  // the outermost that is used
  Divisor extents[4];
  Offsets strides[4];

  __device__ Offsets at(unsigned index) const {
    Offsets sum;
#pragma unroll
    for (int axis = Walk::inner; axis > 0; --axis)
      if (axis > first) {
        const unsigned outer = extents[axis].divide(index);
        sum = sum + times(strides[axis], index - outer * extents[axis].by);
        index = outer;
      }
    return sum + times(strides[first], index);
  }
  static __device__ Offsets times(Offsets stride, unsigned index) {
    return {stride.whole * index, stride.a * index, stride.b * index};
  }
};

// A sum of each `kept` over all `reduced`: a block takes `columns` kept packs and one part of the reduced ones, which
// its `lines` share. Neighbouring threads read neighbours: they stand side by side along the walk's inner axis.
struct SumPass {
  Axes kept, reduced;
  bool inner_kept = false;  // the walk's inner axis is a kept one; else each pack is summed up, too
  int width = 1;
  unsigned columns = 1, lines = 1, part_size = 1, blocks = 0, parts = 1;
};

struct SumPlan {
  SumPass first, second;  // the second adds up the parts, where there are several
  size_t partial_bytes = 0;
};

constexpr int walk_threads = 256;

Axes all_axes(const Walk& walk, int width);
// `packs`, unless the walk's inner axis is no multiple of it: then 1.
int inner_width(const Walk& walk, int packs);
// Over the axes along which `side` repeats, in packs of `width` where that divides the walk's inner axis.
SumPlan plan_sum(const Walk& walk, Walk::Side side, int width);

// ---- what ops read ----

// A tensor as it is: the whole of a walk.
template <typename T>
struct Plain {
  using Stored = T;
  const T* data;
  bool packs() const { return dlfs::packs(data); }
  template <int width>
  __device__ Pack<float, width> at(Offsets offsets) const {
    return load<width>(data + offsets.whole);
  }
};

// A side of a walk that may repeat along the inner axis; where the tensor is null, a number.
template <typename T>
struct Source {
  const T* data = nullptr;
  float number = 0;
  bool repeats = false;

  bool packs() const { return repeats || dlfs::packs(data); }
  template <int width>
  __device__ Pack<float, width> at(unsigned offset) const {
    if (data != nullptr && !repeats) return Plain<T>{data}.template at<width>({.whole = offset});
    const float one = data == nullptr ? number : wide(data[offset]);
    Pack<float, width> values;
#pragma unroll
    for (int k = 0; k < width; ++k) values.at[k] = one;
    return values;
  }
};

// ---- to [whole] = (or +=) each element ----

template <int width, typename T, typename Op>
__global__ void store_each(Axes axes, Op op, T* to, bool add) {
  const unsigned i = blockIdx.x * walk_threads + threadIdx.x;
  if (i >= axes.count) return;
  store(to + i * width, op.template at<width>(axes.at(i)), add);
}

template <typename T, typename Op>
void launch_store(Stream stream, const Walk& walk, const Op& op, T* to, bool add) {
  constexpr int most = full_width<T>;
  const int width = op.packs() && packs(to) ? inner_width(walk, most) : 1;
  const Axes axes = all_axes(walk, width);
  const auto kernel = width == most ? store_each<most, T, Op> : store_each<1, T, Op>;
  kernel<<<blocks_for(axes.count, walk_threads), walk_threads, 0, static_cast<cudaStream_t>(stream.native)>>>(
      axes, op, to, add);
  check_launch("store_each");
}

// ---- to [kept] = (or +=) scale * the sum over what is reduced ----

template <int width>
__device__ void add_up(Pack<float, width>& sum, const Pack<float, width>& other) {
#pragma unroll
  for (int k = 0; k < width; ++k) sum.at[k] += other.at[k];
}

template <int width, typename T, typename Op>
__global__ void sum_parts(SumPass of, Op op, T* to, float scale, bool add) {
  __shared__ Pack<float, width> sums[walk_threads];
  const unsigned side = of.inner_kept ? of.columns : of.lines;
  const unsigned inner = threadIdx.x % side, outer = threadIdx.x / side;
  const unsigned column = of.inner_kept ? inner : outer, line = of.inner_kept ? outer : inner;
  const unsigned k = blockIdx.x * of.columns + column;
  const bool works = column < of.columns && line < of.lines && k < of.kept.count;
  Pack<float, width> sum{};
  if (works) {
    const Offsets base = of.kept.at(k);
    const unsigned begin = blockIdx.y * of.part_size, end = min(begin + of.part_size, of.reduced.count);
#pragma unroll 4
    for (unsigned r = begin + line; r < end; r += of.lines)
      add_up(sum, op.template at<width>(base + of.reduced.at(r)));
  }
  sums[threadIdx.x] = sum;
  const unsigned to_next_line = of.inner_kept ? of.columns : 1;
  for (unsigned half = walk_threads / 2; half > 0; half /= 2) {
    if (half >= of.lines) continue;
    __syncthreads();
    if (works && line < half && line + half < of.lines) {
      add_up(sum, sums[threadIdx.x + half * to_next_line]);
      sums[threadIdx.x] = sum;
    }
  }
  if (!works || line != 0) return;
  const unsigned result = blockIdx.y * of.kept.count + k;
  const auto store = [&](unsigned at, float value) {
    to[at] = rounded<T>(scale * value + (add ? wide(to[at]) : 0));
  };
  if (of.inner_kept) {
#pragma unroll
    for (int i = 0; i < width; ++i) store(result * width + i, sum.at[i]);
  } else {
    float total = 0;
#pragma unroll
    for (int i = 0; i < width; ++i) total += sum.at[i];
    store(result, total);
  }
}

template <typename T, typename Op>
void launch_pass(Stream stream, const SumPass& pass, const Op& op, T* to, float scale, bool add) {
  constexpr int most = full_width<typename Op::Stored>;
  const auto kernel = pass.width == most ? sum_parts<most, T, Op> : sum_parts<1, T, Op>;
  kernel<<<dim3(pass.blocks, pass.parts), walk_threads, 0, static_cast<cudaStream_t>(stream.native)>>>(
      pass, op, to, scale, add);
  check_launch("sum_parts");
}

struct SumStore {
  float scale = 1;
  bool add = false;
};

// The width for plan_sum().
template <typename Op>
int width_of(const Op& op) {
  return op.packs() ? full_width<typename Op::Stored> : 1;
}

// requires: partial_bytes of working memory at `partials`.
template <typename T, typename Op>
void launch_sum(Stream stream, const SumPlan& plan, const Op& op, float* partials, T* to,
                const SumStore& store) {
  if (plan.first.parts == 1) {
    launch_pass(stream, plan.first, op, to, store.scale, store.add);
  } else {
    launch_pass(stream, plan.first, op, partials, 1, false);
    launch_pass(stream, plan.second, Plain<float>{partials}, to, store.scale, store.add);
  }
}

}  // namespace dlfs
