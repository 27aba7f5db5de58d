#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <algorithm>

#include "dlfs/gpu/across.cuh"
#include "dlfs/gpu/launch.h"
#include "dlfs/gpu/pack.h"
#include "dlfs/ops/group_norm/group_norm.h"

namespace dlfs {
namespace {

constexpr int warp = 32, lines = 8, tall = 32;  // a block of sums: neighbouring channels by lines of terms
constexpr int threads = 256, least = 256, most_parts = 64;  // positions of one part, parts of one image

struct Sizes {
  int n, positions, c, groups, group;  // positions of an image, channels of a group
  int part, parts;                     // positions of a part
  float inverse_terms;                 // 1 / (positions * group)

  // Where the sums of one part of one image begin, [c].
  __device__ int64_t partial(int image, int at) const { return (int64_t{image} * parts + at) * c; }
};

Sizes sizes_of(const Shape& x, int groups) {
  Sizes of{x.n, x.h * x.w, x.c, groups, x.c / groups, 0, 0, 0};
  of.parts = std::clamp((of.positions + least - 1) / least, 1, most_parts);
  of.part = (of.positions + of.parts - 1) / of.parts;
  of.parts = (of.positions + of.part - 1) / of.part;
  of.inverse_terms = static_cast<float>(1 / (static_cast<double>(of.positions) * of.group));
  return of;
}

// What a norm does to one channel of one image; statistics as the header says. Both halves compute x * a + b by the same
// fmaf, so both see the same sign.
struct Norm {
  const float *statistics, *scale, *bias;
  int groups, group;

  struct Channel {
    float mean, invstd, a, b;
    __device__ float of(float x) const { return fmaf(x, a, b); }
  };
  __device__ Channel channel(int image, int c) const {
    const float* const at = statistics + int64_t{image} * 2 * groups + c / group;
    const float a = scale[c] * at[groups];
    return {at[0], at[groups], a, fmaf(-at[0], a, bias[c])};
  }
};

// What is summed over positions: two terms an element, by what is known of its channel.
template <typename T>
struct Values {
  const T* x;
  struct Channel {};
  __device__ Channel channel(int, int) const { return {}; }
  __device__ float2 at(Channel, int64_t i) const { return {static_cast<float>(x[i]), 0}; }
};

template <typename T>
struct Squares {
  const T* x;
  const float* statistics;
  int groups, group;
  using Channel = float;  // its mean
  __device__ Channel channel(int image, int c) const {
    return statistics[int64_t{image} * 2 * groups + c / group];
  }
  __device__ float2 at(Channel mean, int64_t i) const {
    const float distance = static_cast<float>(x[i]) - mean;
    return {distance * distance, 0};
  }
};

template <typename T>
struct Gradients {
  const T *x, *d_y;
  Norm norm;
  bool relu;
  using Channel = Norm::Channel;
  __device__ Channel channel(int image, int c) const { return norm.channel(image, c); }
  __device__ float2 at(const Channel& of, int64_t i) const {
    const float value = static_cast<float>(x[i]);
    const float g = relu && of.of(value) <= 0 ? 0 : static_cast<float>(d_y[i]);
    return {g, g * (value - of.mean)};
  }
};

// The sum over a block's lines, in one order; line 0's. requires: all of the block's threads take part.
template <int height>
__device__ float2 across_lines(float2 sum) {
  __shared__ float2 all[height][warp];
  all[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y == 0)
    for (int line = 1; line < height; ++line) {
      sum.x += all[line][threadIdx.x].x;
      sum.y += all[line][threadIdx.x].y;
    }
  return sum;
}

// 32 channels of one part of one image a block: first and second [n, parts, c].
template <typename Terms>
__global__ void sum_positions(Sizes of, Terms terms, float* first, float* second) {
  const int c = blockIdx.x * warp + threadIdx.x, part = blockIdx.y, image = blockIdx.z;
  float2 sum{0, 0};
  if (c < of.c) {
    const auto channel = terms.channel(image, c);
    const int end = min((part + 1) * of.part, of.positions);
    for (int p = part * of.part + threadIdx.y; p < end; p += lines) {
      const float2 term = terms.at(channel, (int64_t{image} * of.positions + p) * of.c + c);
      sum.x += term.x;
      sum.y += term.y;
    }
  }
  sum = across_lines<lines>(sum);
  if (threadIdx.y != 0 || c >= of.c) return;
  first[of.partial(image, part) + c] = sum.x;
  if (second != nullptr) second[of.partial(image, part) + c] = sum.y;
}

// One group of one image a warp: its mean, or of squares its inverse deviation.
__global__ void finish_moments(Sizes of, const float* sums, bool squares, float epsilon, float* statistics) {
  const int image = blockIdx.x / of.groups, group = blockIdx.x % of.groups;
  float total = 0;
  for (int i = threadIdx.x; i < of.parts * of.group; i += warp)
    total += sums[of.partial(image, i / of.group) + group * of.group + i % of.group];
  total = across_warp(total, sum) * of.inverse_terms;
  if (threadIdx.x != 0) return;
  float* const to = statistics + int64_t{image} * 2 * of.groups + group;
  if (squares)
    to[of.groups] = 1 / sqrtf(total + epsilon);
  else
    to[0] = total;
}

// One group of one image a warp: with s = scale * g, invstd * mean s, and invstd^2 * mean(s * xhat).
__global__ void finish_groups(Sizes of, Norm norm, const float* sums, const float* products, float2* means) {
  const int image = blockIdx.x / of.groups, group = blockIdx.x % of.groups;
  float s = 0, product = 0;
  for (int i = threadIdx.x; i < of.parts * of.group; i += warp) {
    const int c = group * of.group + i % of.group;
    const int64_t at = of.partial(image, i / of.group) + c;
    s += norm.scale[c] * sums[at];
    product += norm.scale[c] * products[at];
  }
  s = across_warp(s, sum);
  product = across_warp(product, sum);
  const float invstd = norm.channel(image, group * of.group).invstd;
  if (threadIdx.x == 0)
    means[blockIdx.x] = {invstd * s * of.inverse_terms,
                         invstd * invstd * invstd * product * of.inverse_terms};
}

// 32 channels a block, over all images and parts.
__global__ void finish_channels(Sizes of, Norm norm, const float* sums, const float* products, float* d_scale,
                                bool add_scale, float* d_bias, bool add_bias) {
  const int c = blockIdx.x * warp + threadIdx.x;
  float2 sum{0, 0};
  if (c < of.c)
    for (int i = threadIdx.y; i < of.n * of.parts; i += tall) {
      const int64_t at = int64_t{i} * of.c + c;
      sum.x += sums[at];
      sum.y += products[at] * norm.channel(i / of.parts, c).invstd;
    }
  sum = across_lines<tall>(sum);
  if (threadIdx.y != 0 || c >= of.c) return;
  if (d_bias != nullptr) d_bias[c] = add_bias ? d_bias[c] + sum.x : sum.x;
  if (d_scale != nullptr) d_scale[c] = add_scale ? d_scale[c] + sum.y : sum.y;
}

// One pack a thread.
template <typename T, int width>
__global__ void normalise(Places places, Norm norm, bool relu, const Pack<T, width>* x, Pack<T, width>* y) {
  const unsigned i = blockIdx.x * threads + threadIdx.x;
  if (i >= places.count) return;
  const Place at = places.at(i);
  const Pack<T, width> from = x[i];
  Pack<T, width> to;
#pragma unroll
  for (int k = 0; k < width; ++k) {
    const float value = norm.channel(at.n, at.c * width + k).of(static_cast<float>(from.at[k]));
    to.at[k] = static_cast<T>(relu && value <= 0 ? 0 : value);  // NaN stays
  }
  y[i] = to;
}

template <typename T, int width>
__global__ void derive(Places places, Norm norm, bool relu, const float2* means, const Pack<T, width>* x,
                       const Pack<T, width>* d_y, Pack<T, width>* d_x, bool add) {
  const unsigned i = blockIdx.x * threads + threadIdx.x;
  if (i >= places.count) return;
  const Place at = places.at(i);
  const Pack<T, width> from = x[i], arrived = d_y[i];
  Pack<T, width> to = add ? d_x[i] : Pack<T, width>{};
#pragma unroll
  for (int k = 0; k < width; ++k) {
    const int c = at.c * width + k;
    const Norm::Channel channel = norm.channel(at.n, c);
    const float2 mean = means[int64_t{at.n} * norm.groups + c / norm.group];
    const float value = static_cast<float>(from.at[k]);
    const float g = relu && channel.of(value) <= 0 ? 0 : static_cast<float>(arrived.at[k]);
    const float result = channel.a * g - mean.x - (value - channel.mean) * mean.y;
    to.at[k] = static_cast<T>(add ? static_cast<float>(to.at[k]) + result : result);
  }
  d_x[i] = to;
}

cudaStream_t native(Stream stream) { return static_cast<cudaStream_t>(stream.native); }

template <typename Terms>
void launch_sums(const Sizes& of, const Terms& terms, float* first, float* second, Stream stream) {
  const dim3 blocks(blocks_for(of.c, warp), of.parts, of.n);
  sum_positions<<<blocks, dim3(warp, lines), 0, native(stream)>>>(of, terms, first, second);
  check_launch("group_norm sums");
}

// Working memory: two arrays of partial sums, then two numbers a group of an image.
struct Work {
  Work(Scratch& all, const Sizes& of)
      : partials(int64_t{of.n} * of.parts * of.c), groups(int64_t{of.n} * of.groups), scratch(all) {
    scratch.request((2 * partials + 2 * groups) * sizeof(float));
  }
  float* sums() const { return static_cast<float*>(scratch.data()); }
  float* products() const { return sums() + partials; }
  float* of_groups() const { return sums() + 2 * partials; }

  int64_t partials, groups;
  Scratch& scratch;
};

Norm norm_of(const Site& site, const Sizes& of, const float* statistics) {
  return {statistics, site.in[1].as<float>(), site.in[2].as<float>(), of.groups, of.group};
}

template <typename T, int width>
KernelPtr forward(const Site& site, const GroupNormSettings& settings) {
  const Sizes of = sizes_of(site.in[0].shape(), settings.groups);
  const Work work(site.scratch, of);
  const Places places(site.in[0].shape(), width);
  float* const saved = site.saved.empty() ? nullptr : site.saved[0].as<float>();
  return gpu_kernel([=](Stream stream) {
    float* const statistics = saved == nullptr ? work.of_groups() : saved;
    const T* const x = site.in[0].as<T>();
    const unsigned groups = of.n * of.groups;
    launch_sums(of, Values<T>{x}, work.sums(), nullptr, stream);
    finish_moments<<<groups, warp, 0, native(stream)>>>(of, work.sums(), false, settings.epsilon, statistics);
    check_launch("group_norm means");
    launch_sums(of, Squares<T>{x, statistics, of.groups, of.group}, work.sums(), nullptr, stream);
    finish_moments<<<groups, warp, 0, native(stream)>>>(of, work.sums(), true, settings.epsilon, statistics);
    check_launch("group_norm deviations");
    normalise<T, width><<<blocks_for(places.count, threads), threads, 0, native(stream)>>>(
        places, norm_of(site, of, statistics), settings.relu, site.in[0].as<const Pack<T, width>>(),
        site.out[0].as<Pack<T, width>>());
    check_launch("group_norm");
  });
}

template <typename T, int width>
KernelPtr backward(const Site& site, const GroupNormSettings& settings) {
  const Sizes of = sizes_of(site.in[0].shape(), settings.groups);
  const Work work(site.scratch, of);
  const Places places(site.in[0].shape(), width);
  const Norm norm = norm_of(site, of, site.saved[0].as<float>());
  return gpu_kernel([=](Stream stream) {
    const Grad &d_x = site.d_in[0], &d_scale = site.d_in[1], &d_bias = site.d_in[2];
    launch_sums(of, Gradients<T>{site.in[0].as<T>(), site.d_out[0].as<T>(), norm, settings.relu}, work.sums(),
                work.products(), stream);
    if (d_x.to) {
      auto* const means = reinterpret_cast<float2*>(work.of_groups());
      finish_groups<<<of.n * of.groups, warp, 0, native(stream)>>>(of, norm, work.sums(), work.products(),
                                                                   means);
      check_launch("group_norm means of gradients");
      derive<T, width><<<blocks_for(places.count, threads), threads, 0, native(stream)>>>(
          places, norm, settings.relu, means, site.in[0].as<const Pack<T, width>>(),
          site.d_out[0].as<const Pack<T, width>>(), d_x.to.as<Pack<T, width>>(), d_x.how == Write::add);
      check_launch("group_norm backward");
    }
    if (!d_scale.to && !d_bias.to) return;
    finish_channels<<<blocks_for(of.c, warp), dim3(warp, tall), 0, native(stream)>>>(
        of, norm, work.sums(), work.products(), d_scale.to.as<float>(), d_scale.how == Write::add,
        d_bias.to.as<float>(), d_bias.how == Write::add);
    check_launch("group_norm gradients by scale and bias");
  });
}

// The maker of the half for maps of a type, in packs of four where the channels allow it.
template <typename Make>
KernelPtr for_type(const Site& site, Make make) {
  const bool packs = site.in[0].shape().c % 4 == 0;
  switch (site.in[0].spec.dtype) {
    case DType::f16:
      return make(__half{}, packs);
    case DType::bf16:
      return make(__nv_bfloat16{}, packs);
    default:
      return make(float{}, packs);
  }
}

}  // namespace

KernelPtr group_norm_forward_gpu(Device&, const Site& site, const GroupNormSettings& settings) {
  return for_type(site, [&]<typename T>(T, bool packs) {
    return packs ? forward<T, 4>(site, settings) : forward<T, 1>(site, settings);
  });
}

KernelPtr group_norm_backward_gpu(Device&, const Site& site, const GroupNormSettings& settings) {
  return for_type(site, [&]<typename T>(T, bool packs) {
    return packs ? backward<T, 4>(site, settings) : backward<T, 1>(site, settings);
  });
}

}  // namespace dlfs
