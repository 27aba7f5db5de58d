// Mean and variance of each of 64 filters over a map, made beside the products that make the map: each thread adds up
// distances from a number near the mean, blocks write parts, and the block that comes last adds these up in one order. So
// nothing cancels, and the bits are the same on every run. For hopper_convolution.cu.
#pragma once

#include "dlfs/gpu/hopper.cuh"

namespace dlfs::hopper {

// A thread of the two warpgroups has two filters of 64, and of each row of a tile two pixels.
__device__ inline int first_filter() {
  return threadIdx.x % warpgroup / 32 * 16 + threadIdx.x % 32 / 4;
}  // and + 8

struct MomentsTo {
  float* to;  // [2,64], or null
  float pixels;
  float2* parts;  // [blocks,64]
  int* counts;    // [blocks]
  unsigned* ticket;
};

// What the warpgroups of a block tell each other at the end.
struct MomentsMeeting {
  float2 other[channels];                 // of the second: means and summed squares
  float2 sums[warpgroup / 32][channels];  // by each warp of the last block of all
  int count;
  bool last;
};

// What a thread knows of its two filters: the sums of distances from a number near their mean, and of their squares.
struct Moments {
  float shift[2] = {}, sum[2] = {}, square[2] = {};
  int count = 0;

  // packed: pairs of pixels of the one filter and of the other by turns, of a tile of so many pixels.
  template <typename T, int down>
  __device__ __forceinline__ void take(const unsigned (&packed)[down * 2], int rows, int columns) {
    const int column = threadIdx.x % 4 * 2;
    if (count == 0) {  // the first pixel of the first tile
#pragma unroll
      for (int f = 0; f < 2; ++f) shift[f] = __shfl_sync(~0U, unpack<T>(packed[f]).x, 0, 4);
    }
    count += rows * columns;
    const bool first = column < columns, second = column + 1 < columns;
#pragma unroll
    for (int row = 0; row < down; ++row) {
      if (row >= rows) break;
#pragma unroll
      for (int f = 0; f < 2; ++f) {
        const float2 pair = unpack<T>(packed[row * 2 + f]);
        const float x = first ? pair.x - shift[f] : 0, y = second ? pair.y - shift[f] : 0;
        sum[f] += x + y;
        square[f] = fmaf(y, y, fmaf(x, x, square[f]));
      }
    }
  }

  // The mean of filter f's numbers and the sum of their squared distances from it, of all threads that share the filter.
  __device__ float2 about_mean(int f) const {
    float all = sum[f], squares = square[f];
#pragma unroll
    for (int distance = 1; distance < 4; distance *= 2) {
      all += __shfl_xor_sync(~0U, all, distance);
      squares += __shfl_xor_sync(~0U, squares, distance);
    }
    const float away = count == 0 ? 0 : all / static_cast<float>(count);
    return {shift[f] + away, fmaf(-away, all, squares)};
  }
};

// Of `a` and `b` numbers together.
__device__ inline float2 together(float2 first, int a, float2 second, int b) {
  if (b == 0) return first;
  const float distance = second.x - first.x, share = static_cast<float>(b) / static_cast<float>(a + b);
  return {fmaf(distance, share, first.x),
          first.y + second.y + distance * distance * share * static_cast<float>(a)};
}

// By one warpgroup, when all parts are written: they are added up in one order, as distances from the first part's mean.
__device__ inline void finish_moments(const MomentsTo& of, MomentsMeeting& meeting) {
  constexpr int warps = warpgroup / 32, at_once = 17;  // two rounds on 132 processors
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, channel = threadIdx.x % channels;
  const int blocks = static_cast<int>(gridDim.x);
  const auto* parts = reinterpret_cast<const float4*>(of.parts);  // of two channels
  const float begin = __ldcg(of.parts + channel).x;
  const float4 first = __ldcg(parts + lane);
  float sum[2] = {}, square[2] = {};
  for (int from = warp; from < blocks; from += warps * at_once) {
    float4 part[at_once] = {};
    int count[at_once] = {};
#pragma unroll
    for (int i = 0; i < at_once; ++i) {
      const int at = from + i * warps;
      if (at < blocks)
        part[i] = __ldcg(parts + at * (channels / 2) + lane), count[i] = __ldcg(of.counts + at);
    }
#pragma unroll
    for (int i = 0; i < at_once; ++i) {
      const auto n = static_cast<float>(count[i]);
      const float x = part[i].x - first.x, z = part[i].z - first.z;
      sum[0] += n * x;
      sum[1] += n * z;
      square[0] += fmaf(n * x, x, part[i].y);
      square[1] += fmaf(n * z, z, part[i].w);
    }
  }
#pragma unroll
  for (int i = 0; i < 2; ++i) meeting.sums[warp][lane * 2 + i] = {sum[i], square[i]};
  meet(3, warpgroup);
  if (threadIdx.x >= channels) return;
  float2 all = {};
#pragma unroll
  for (int i = 0; i < warps; ++i) all.x += meeting.sums[i][channel].x, all.y += meeting.sums[i][channel].y;
  const float away = all.x / of.pixels, variance = fmaf(-away, away, all.y / of.pixels);
  of.to[channel] = begin + away;
  of.to[channels + channel] = variance < 0 ? 0 : variance;  // NaN comes through
}

// The second warpgroup gives its moments to the first, which writes the block's; the last block of all makes the map's.
__device__ inline void give_moments(const Moments& mine, const MomentsTo& of, int consumer) {
  __shared__ MomentsMeeting meeting;
  const int thread = threadIdx.x % warpgroup, filter = first_filter();
  const bool writes = thread % 4 == 0;
  float2 of_filter[2] = {mine.about_mean(0), mine.about_mean(1)};
  if (consumer == 1) {
    if (writes) meeting.other[filter] = of_filter[0], meeting.other[filter + 8] = of_filter[1];
    if (thread == 0) meeting.count = mine.count;
    __syncwarp();
    announce(5, consumers * warpgroup);
    return;
  }
  meet(5, consumers * warpgroup);
#pragma unroll
  for (int f = 0; f < 2; ++f) {
    const float2 both = together(of_filter[f], mine.count, meeting.other[filter + f * 8], meeting.count);
    if (writes) of.parts[blockIdx.x * channels + filter + f * 8] = both;
  }
  if (thread == 0) of.counts[blockIdx.x] = mine.count + meeting.count;
  __syncwarp();
  meet(3, warpgroup);
  if (thread == 0) meeting.last = comes_last(of.ticket, gridDim.x);
  __syncwarp();
  meet(3, warpgroup);
  if (meeting.last) finish_moments(of, meeting);
}

}  // namespace dlfs::hopper
