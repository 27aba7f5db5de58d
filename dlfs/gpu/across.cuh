// Sums and maxima over the threads of a warp and of a block, each in one fixed order. For kernels: .cu files alone.
#pragma once

namespace dlfs {

inline __device__ float sum(float a, float b) { return a + b; }
inline __device__ float larger(float a, float b) { return a < b || b != b ? b : a; }  // a NaN stays

// Every lane gets the result. requires: all 32 take part.
template <typename T, typename Combine>
__device__ T across_warp(T value, Combine combine) {
  for (int distance = 16; distance > 0; distance /= 2)
    value = combine(value, __shfl_xor_sync(~0U, value, distance));
  return value;
}

// The sum, by +=, is thread 0's. requires: all of the block's `threads` (a power of two) take part, once in a kernel.
template <int threads, typename T>
__device__ T across_block(T value) {
  __shared__ T all[threads];
  all[threadIdx.x] = value;
  for (int half = threads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) all[threadIdx.x] += all[threadIdx.x + half];
  }
  return all[threadIdx.x];
}

}  // namespace dlfs
