// The kernels of batch norm's GPU half: what they are told, and who makes them. For .cu files.
#pragma once

#include "dlfs/ops/batch_norm/batch_norm.h"
#include "dlfs/ops/batch_norm/rows_gpu.cuh"

namespace dlfs::norm {

constexpr int threads = norm_threads, norm_results = 4 * 128;

// Forms of a call, for which kernels are made: known when they are compiled, or told by the arguments (`any`: the slow
// kernels for odd numbers of channels).
enum Form : int { any = -1, alone = 0, joins = 1, projects = 2 };

// Rows that a thread reads ahead, so that a block has some 64 KB on their way.
template <typename T, int V>
constexpr int ahead(int maps) {
  return V == 1 ? 4 : maps == 3 ? (sizeof(T) == 4 ? 2 : 3) : (sizeof(T) == 4 ? 4 : 8) / maps;
}
constexpr int maps_of(bool back, int form) {
  return back ? (form == alone || form == joins ? 2 : 3) : form == alone ? 1 : 2;
}

struct SideArguments {
  const void* x;
  const float *scale, *bias, *mean, *variance, *sums;
  float* statistics;  // mean, variance: rows of [1,1,2,c]
  void* d_x;
  float *d_scale, *d_bias;
  Write d_x_how, d_scale_how, d_bias_how;
};

struct Arguments {
  NormLayout layout;
  SideArguments side[2];
  const void *shortcut, *d_y;
  void *y, *d_shortcut;
  Write d_shortcut_how;
  uint8_t* mask;
  float2* moments;  // forward: mean and squared distances from it, of each part
  float* partials;  // backward: sums of each part
  unsigned long long* counters;
  unsigned buffer_floats;
  float epsilon;
  bool relu, frozen, joins, projects, moments_given;
  Reuse written;
};

__device__ inline float inverse_deviation(float variance, float epsilon) {
  return 1 / sqrtf(variance + epsilon);
}

// What a block has in shared memory: results a channel, a buffer for sums, the rows that are on their way, those that are
// kept. Each thread has its own place in the latter two.
template <typename T, int V, int maps>
struct Shared {
  __device__ Shared(const Arguments& of, float* memory)
      : results(memory),
        buffer(memory + norm_results),
        rows(reinterpret_cast<Raw<T, V>*>(buffer + of.buffer_floats) + threadIdx.x),
        slots(of.layout.slots),
        kept(of.layout.kept) {}
  // Of one of a row's maps; without a slot it is a kept row's.
  __device__ Raw<T, V>* at(int map, int row, int slot = 0) const {
    return rows +
           static_cast<size_t>(row < kept ? slots * maps + row * maps + map : slot * maps + map) * threads;
  }
  __device__ Raw<T, V>* in_slot(int map, int slot) const { return rows + (slot * maps + map) * threads; }

  float *results, *buffer;
  Raw<T, V>* rows;
  int slots, kept;
};

using NormKernel = void (*)(Arguments);

// The kernel that make<T, V, form>() names.
template <typename Make>
NormKernel kernel_for(DType dtype, int form, const Make& make) {
  return for_type(dtype, [&]<typename T>() -> NormKernel {
    switch (form) {
      case joins:
        return make.template operator()<T, 8, joins>();
      case projects:
        return make.template operator()<T, 8, projects>();
      case alone:
        return make.template operator()<T, 8, alone>();
      default:
        return make.template operator()<T, 1, any>();
    }
  });
}

// Of a map of T and packs of V channels (1 or 8; with 1, form is `any`). In forward_gpu.cu and backward_gpu.cu.
NormKernel forward_kernel(DType dtype, int form);
NormKernel backward_kernel(DType dtype, int form);

}  // namespace dlfs::norm
