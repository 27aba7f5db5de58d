// Adds up, in one order, the sums for a matrix dw [64,columns] that blocks have in the registers of a warpgroup: of each
// thread the quad of each 8 columns. For hopper_filter_gradient.cu.
#pragma once

#include "dlfs/gpu/hopper.cuh"

namespace dlfs::hopper {

constexpr int add_warps = 16;

// parts [count][columns / 8 * warpgroup]. A block has 32 quads, so columns / 2 blocks; each of its warps every sixteenth part.
template <typename T>
__global__ void __launch_bounds__(add_warps * 32)
    add_parts(const float4* parts, int count, int columns, unsigned* dw, bool add) {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  __shared__ float4 meeting[add_warps][32];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, quad = blockIdx.x * 32 + lane;
  const int quads = columns / 8 * warpgroup;
  float4 sum = {};
#pragma unroll 8
  for (int i = warp; i < count; i += add_warps) {
    const float4 part = __ldcg(parts + i * quads + quad);
    sum.x += part.x, sum.y += part.y, sum.z += part.z, sum.w += part.w;
  }
  meeting[warp][lane] = sum;
  __syncthreads();
  if (warp != 0) return;
#pragma unroll
  for (int i = 1; i < add_warps; ++i) {
    const float4 other = meeting[i][lane];
    sum.x += other.x, sum.y += other.y, sum.z += other.z, sum.w += other.w;
  }
  // Two neighbouring columns of one filter, and of the one 8 further.
  const int filter = quad / 32 % 4 * 16 + lane / 4, column = quad / warpgroup * 8 + lane % 4 * 2;
  const auto store = [&](int row, float first, float second) {
    unsigned* const to = dw + (row * columns + column) / 2;
    const float2 there = add ? unpack<T>(*to) : float2{};
    *to = pack<T>(first + there.x, second + there.y);
  };
  store(filter, sum.x, sum.y);
  store(filter + 8, sum.z, sum.w);
#endif
}

}  // namespace dlfs::hopper
