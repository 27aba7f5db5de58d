#include <algorithm>

#include "dlfs/gpu/bias_relu.h"
#include "dlfs/gpu/launch.h"

namespace dlfs {
namespace {

constexpr int threads = 256;

// One number a thread.
__global__ void bias_relu(unsigned count, unsigned channels, float* y, const float* bias, bool relu) {
  const unsigned i = blockIdx.x * threads + threadIdx.x;
  if (i >= count) return;
  const float value = bias != nullptr ? y[i] + bias[i % channels] : y[i];
  y[i] = relu && value <= 0 ? 0 : value;
}

// Block (x, y) takes part x of the rows and up to 256 channels from 256 * y on. Its threads stand side by side over
// as many rows as fit, so each sees one channel and neighbours read neighbours.
__global__ void mask_and_sum_part(unsigned rows, unsigned rows_per_part, unsigned channels, const float* d_y,
                                  const float* y, float* masked, float* partial) {
  __shared__ float sums[threads];
  const unsigned first_channel = blockIdx.y * threads, width = min(channels - first_channel, threads);
  const unsigned height = threads / width, column = threadIdx.x % width, line = threadIdx.x / width;
  const unsigned end = min(rows, (blockIdx.x + 1) * rows_per_part);
  float sum = 0;
  if (line < height)
    for (unsigned row = blockIdx.x * rows_per_part + line; row < end; row += height) {
      const unsigned i = row * channels + first_channel + column;
      float gradient = d_y[i];
      if (y != nullptr) {
        if (y[i] <= 0) gradient = 0;
        masked[i] = gradient;
      }
      sum += gradient;
    }
  if (partial == nullptr) return;
  sums[threadIdx.x] = sum;
  __syncthreads();
  if (line != 0) return;
  for (unsigned other = 1; other < height; ++other) sum += sums[other * width + column];
  partial[blockIdx.x * channels + first_channel + column] = sum;
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

}  // namespace

int ChannelRows::parts() const {
  return static_cast<int>(std::clamp<int64_t>(rows * std::min(channels, threads) / 8192, 1, 512));
}

size_t ChannelRows::partial_bytes() const { return sizeof(float) * parts() * channels; }

void add_bias_relu(Stream stream, const ChannelRows& of, float* y, const float* bias, bool relu) {
  const int64_t count = of.rows * of.channels;
  bias_relu<<<blocks_for(count, threads), threads, 0, static_cast<cudaStream_t>(stream.native)>>>(
      count, of.channels, y, bias, relu);
  check_launch("add_bias_relu");
}

void mask_and_sum(Stream stream, const ChannelRows& of, const float* d_y, const float* y, float* masked,
                  float* partial) {
  const int64_t parts = of.parts();
  const dim3 grid(parts, blocks_for(of.channels, threads));
  mask_and_sum_part<<<grid, threads, 0, static_cast<cudaStream_t>(stream.native)>>>(
      of.rows, (of.rows + parts - 1) / parts, of.channels, d_y, y, masked, partial);
  check_launch("mask_and_sum");
}

void finish_sum(Stream stream, const ChannelRows& of, const float* partial, float* sums, bool add) {
  sum_parts<<<blocks_for(of.channels, threads / 32), threads, 0, static_cast<cudaStream_t>(stream.native)>>>(
      of.parts(), of.channels, partial, sums, add);
  check_launch("finish_sum");
}

}  // namespace dlfs
