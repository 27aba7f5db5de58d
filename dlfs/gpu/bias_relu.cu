#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <algorithm>

#include "dlfs/gpu/bias_relu.h"
#include "dlfs/gpu/launch.h"
#include "dlfs/gpu/pack.h"

namespace dlfs {
namespace {

constexpr int threads = 256;

// One pack of channels a thread.
template <typename T, int width>
__global__ void finish(unsigned count, unsigned packs, Pack<T, width>* y, const float* bias,
                       const Pack<T, width>* add, bool relu) {
  const unsigned i = blockIdx.x * threads + threadIdx.x;
  if (i >= count) return;
  const unsigned channel = i % packs * width;
  Pack<T, width> values = y[i], addends{};
  if (add != nullptr) addends = add[i];
#pragma unroll
  for (int k = 0; k < width; ++k) {
    float value = static_cast<float>(values.at[k]);
    if (bias != nullptr) value += bias[channel + k];
    if (add != nullptr) value += static_cast<float>(addends.at[k]);
    values.at[k] = static_cast<T>(relu && value <= 0 ? 0.0F : value);
  }
  y[i] = values;
}

// Of a sum over rows: block (x, y) takes part x of the rows and up to 256 packs of channels from 256 * y on. Its threads
// stand side by side over as many rows as fit, so each sees one pack and neighbours read neighbours. `to` is the part's.
struct Share {
  unsigned packs, width, height, column, line;

  __device__ explicit Share(unsigned all)
      : packs(all),
        width(min(all - blockIdx.y * threads, static_cast<unsigned>(threads))),
        height(threads / width),
        column(threadIdx.x % width),
        line(threadIdx.x / width) {}
  __device__ unsigned pack() const { return blockIdx.y * threads + column; }
};

template <int width>
__device__ void store_sum(const Share& share, Pack<float, width> sum, float* to) {
  __shared__ Pack<float, width> sums[threads];
  __syncthreads();  // another sum may have been there
  sums[threadIdx.x] = sum;
  __syncthreads();
  if (share.line != 0) return;
  for (unsigned other = 1; other < share.height; ++other)
    accumulate(sum, sums[other * share.width + share.column]);
#pragma unroll
  for (int k = 0; k < width; ++k) to[share.pack() * width + k] = sum.at[k];
}

template <typename T, int width>
__global__ void mask_and_sum_part(unsigned rows, unsigned rows_per_part, unsigned packs,
                                  const Pack<T, width>* d_y, const Pack<T, width>* y, Pack<T, width>* masked,
                                  float* partial) {
  const Share share(packs);
  const unsigned end = min(rows, (blockIdx.x + 1) * rows_per_part);
  Pack<float, width> sum{};
  if (share.line < share.height)
    for (unsigned row = blockIdx.x * rows_per_part + share.line; row < end; row += share.height) {
      const unsigned i = row * packs + share.pack();
      Pack<T, width> gradients = d_y[i];
      if (y != nullptr) {
        const Pack<T, width> outputs = y[i];
#pragma unroll
        for (int k = 0; k < width; ++k)
          if (static_cast<float>(outputs.at[k]) <= 0) gradients.at[k] = static_cast<T>(0.0F);
        masked[i] = gradients;
      }
#pragma unroll
      for (int k = 0; k < width; ++k) sum.at[k] += static_cast<float>(gradients.at[k]);
    }
  if (partial != nullptr) store_sum(share, sum, partial + blockIdx.x * packs * width);
}

// With `shift`, the sums of y over all rows, those of distances from the means.
template <typename T, int width>
__global__ void sums_part(unsigned rows, unsigned rows_per_part, unsigned packs, const Pack<T, width>* y,
                          const float* shift, float* partial) {
  const Share share(packs);
  const unsigned end = min(rows, (blockIdx.x + 1) * rows_per_part);
  Pack<float, width> sum{}, squares{}, mean{};
  if (shift != nullptr && share.line < share.height)
#pragma unroll
    for (int k = 0; k < width; ++k) mean.at[k] = shift[share.pack() * width + k] / static_cast<float>(rows);
  if (share.line < share.height)
    for (unsigned row = blockIdx.x * rows_per_part + share.line; row < end; row += share.height) {
      const Pack<T, width> values = y[row * packs + share.pack()];
#pragma unroll
      for (int k = 0; k < width; ++k) {
        const float value = static_cast<float>(values.at[k]) - mean.at[k];
        sum.at[k] += value;
        squares.at[k] += value * value;
      }
    }
  float* const to = partial + blockIdx.x * 2 * packs * width;
  store_sum(share, sum, to);
  store_sum(share, squares, to + packs * width);
}

// One channel a warp.
__global__ void sum_parts(unsigned parts, unsigned channels, const float* partial, float* sums, bool add) {
  const unsigned channel = blockIdx.x * (threads / 32) + threadIdx.x / 32, lane = threadIdx.x % 32;
  if (channel >= channels) return;
  float sum = 0;
  for (unsigned part = lane; part < parts; part += 32) sum += partial[part * channels + channel];
  for (int distance = 16; distance > 0; distance /= 2) sum += __shfl_down_sync(~0U, sum, distance);
  if (lane == 0) sums[channel] = add ? sums[channel] + sum : sum;
}

// moments [2,c]: at first sums over all rows. distances [2,c]: the sums of distances from their means, and of the squares.
__global__ void moments_each(int channels, float rows, const float* distances, float* moments) {
  const int c = static_cast<int>(blockIdx.x * threads + threadIdx.x);
  if (c >= channels) return;
  const float away = distances[c] / rows;
  const float variance = fmaf(-away, away, distances[channels + c] / rows);
  moments[c] = moments[c] / rows + away;
  moments[channels + c] = variance < 0 ? 0 : variance;  // NaN comes through
}

template <typename T>
__global__ void narrow_each(int count, const float* from, T* to) {
  const int i = static_cast<int>(blockIdx.x) * threads + static_cast<int>(threadIdx.x);
  if (i < count) to[i] = static_cast<T>(from[i]);
}

cudaStream_t native(Stream stream) { return static_cast<cudaStream_t>(stream.native); }

// Calls work.operator()<T, width>(packs of a row) with packs of 16 bytes, or single numbers where they do not fit.
template <typename T, typename Work>
void in_packs(int channels, const Work& work) {
  constexpr int width = 16 / sizeof(T);
  if (channels % width == 0)
    work.template operator()<T, width>(static_cast<unsigned>(channels / width));
  else
    work.template operator()<T, 1>(static_cast<unsigned>(channels));
}

template <typename Work>
void in_packs(const ChannelRows& of, const Work& work) {
  if (of.dtype == DType::f16)
    in_packs<__half>(of.channels, work);
  else if (of.dtype == DType::bf16)
    in_packs<__nv_bfloat16>(of.channels, work);
  else
    in_packs<float>(of.channels, work);
}

struct Cut {
  dim3 grid;
  unsigned rows_per_part;
};
Cut cut(const ChannelRows& of, unsigned packs) {
  const int64_t parts = of.parts();
  return {dim3(static_cast<unsigned>(parts), blocks_for(packs, threads)),
          static_cast<unsigned>((of.rows + parts - 1) / parts)};
}

}  // namespace

int ChannelRows::parts() const {
  return static_cast<int>(std::clamp<int64_t>(rows * std::min(channels, threads) / 8192, 1, 512));
}

size_t ChannelRows::partial_bytes() const { return sizeof(float) * parts() * channels; }

void finish_map(Stream stream, const ChannelRows& of, const FinishMap& map) {
  in_packs(of, [&]<typename T, int width>(unsigned packs) {
    using Packs = Pack<T, width>;
    const int64_t count = of.rows * packs;
    finish<T, width><<<blocks_for(count, threads), threads, 0, native(stream)>>>(
        static_cast<unsigned>(count), packs, static_cast<Packs*>(map.y), map.bias,
        static_cast<const Packs*>(map.add), map.relu);
  });
  check_launch("finish_map");
}

void mask_and_sum(Stream stream, const ChannelRows& of, const MaskMap& map, float* partial) {
  in_packs(of, [&]<typename T, int width>(unsigned packs) {
    using Packs = Pack<T, width>;
    const auto [grid, rows_per_part] = cut(of, packs);
    mask_and_sum_part<T, width><<<grid, threads, 0, native(stream)>>>(
        static_cast<unsigned>(of.rows), rows_per_part, packs, static_cast<const Packs*>(map.d_y),
        static_cast<const Packs*>(map.y), static_cast<Packs*>(map.masked), partial);
  });
  check_launch("mask_and_sum");
}

void finish_sum(Stream stream, const ChannelRows& of, const float* partial, float* sums, bool add) {
  sum_parts<<<blocks_for(of.channels, threads / 32), threads, 0, native(stream)>>>(of.parts(), of.channels,
                                                                                   partial, sums, add);
  check_launch("finish_sum");
}

static void add_up(Stream stream, const ChannelRows& of, const void* y, const float* shift, float* partial,
                   float* sums) {
  in_packs(of, [&]<typename T, int width>(unsigned packs) {
    const auto [grid, rows_per_part] = cut(of, packs);
    sums_part<T, width><<<grid, threads, 0, native(stream)>>>(static_cast<unsigned>(of.rows), rows_per_part,
                                                              packs, static_cast<const Pack<T, width>*>(y),
                                                              shift, partial);
  });
  check_launch("sums_of_map");
  const int both = 2 * of.channels;
  sum_parts<<<blocks_for(both, threads / 32), threads, 0, native(stream)>>>(of.parts(), both, partial, sums,
                                                                            false);
  check_launch("sums_of_map's parts");
}

void sums_of_map(Stream stream, const ChannelRows& of, const void* y, float* partial, float* sums) {
  add_up(stream, of, y, nullptr, partial, sums);
}

void moments_of_map(Stream stream, const ChannelRows& of, const void* y, float* partial, float* moments) {
  float* const distances = partial + 2 * of.partial_bytes() / sizeof(float);
  add_up(stream, of, y, nullptr, partial, moments);
  add_up(stream, of, y, moments, partial, distances);
  moments_each<<<blocks_for(of.channels, threads), threads, 0, native(stream)>>>(
      of.channels, static_cast<float>(of.rows), distances, moments);
  check_launch("moments_of_map");
}

void narrow_numbers(Stream stream, const float* from, void* to, DType dtype, int count) {
  const unsigned blocks = blocks_for(count, threads);
  if (dtype == DType::f16)
    narrow_each<<<blocks, threads, 0, native(stream)>>>(count, from, static_cast<__half*>(to));
  else
    narrow_each<<<blocks, threads, 0, native(stream)>>>(count, from, static_cast<__nv_bfloat16*>(to));
  check_launch("narrow_numbers");
}

}  // namespace dlfs
