#include <algorithm>

#include "dlfs/gpu/gpu_device.h"
#include "dlfs/gpu/launch.h"
#include "dlfs/ops/batch_norm/batch_norm.h"
#include "dlfs/ops/batch_norm/rows_gpu.cuh"

namespace dlfs {
namespace {

constexpr int threads = norm_threads;

// Forms of a call, for which kernels are made: known when they are compiled, or told by the arguments (`any`: the slow
// kernels for odd numbers of channels).
enum Form : int { any = -1, alone = 0, joins = 1, projects = 2 };

// Loads on their way at a time, as registers allow.
template <typename T, int form>
constexpr int loads = sizeof(T) == 4 || form == projects ? 2 : 4;

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
  bool relu, frozen, joins, projects;
  Reuse written;
};

__device__ float inverse_deviation(float variance, float epsilon) { return 1 / sqrtf(variance + epsilon); }

// What a block has in shared memory: results a channel, a buffer for sums, rows that are kept.
struct Shared {
  __device__ Shared(const Arguments& of, float* memory)
      : channels(0), results(memory), buffer(memory + 4 * 128), cache(buffer + of.buffer_floats) {}
  unsigned channels;
  float *results, *buffer, *cache;
};

// y where a ReLU may follow: NaN comes through.
__device__ float after_relu(float v, bool relu) { return relu && v <= 0 ? 0 : v; }

// Mean and variance of a side's channels, from the moments of the parts: each part's are about its own mean.
template <int V>
__device__ void combine_moments(const Arguments& of, const float2* moments, float* mean, float* variance,
                                float* buffer) {
  const NormLayout& layout = of.layout;
  const unsigned channels = layout.lanes * V;
  const auto at = [&](unsigned part, unsigned channel) {
    return __ldcg(moments + part * channels + channel);
  };
  const auto count = [&](unsigned part) {
    return static_cast<float>(min(layout.part_rows, layout.rows - part * layout.part_rows));
  };
  const auto rows = static_cast<float>(layout.rows);
  sum_parts(channels, layout.parts, buffer, mean, [&](unsigned part, unsigned channel) {
    return count(part) * (at(part, channel).x - at(0, channel).x);
  });
  for (unsigned channel = threadIdx.x; channel < channels; channel += threads)
    mean[channel] = at(0, channel).x + mean[channel] / rows;
  __syncthreads();
  sum_parts(channels, layout.parts, buffer, variance, [&](unsigned part, unsigned channel) {
    const float2 moment = at(part, channel);
    const float distance = moment.x - mean[channel];
    return moment.y + count(part) * distance * distance;
  });
  for (unsigned channel = threadIdx.x; channel < channels; channel += threads) variance[channel] /= rows;
  __syncthreads();
}

// The same where nothing is to be added up: running ones, or sums that are given.
template <int V>
__device__ void given_moments(const Arguments& of, const SideArguments& side, float* mean, float* variance) {
  const unsigned channels = of.layout.lanes * V, first = blockIdx.y * channels, all = of.layout.packs * V;
  for (unsigned channel = threadIdx.x; channel < channels; channel += threads) {
    const unsigned c = first + channel;
    if (of.frozen) {
      mean[channel] = side.mean[c];
      variance[channel] = side.variance[c];
    } else {
      const auto rows = static_cast<float>(of.layout.rows);
      const float m = side.sums[c] / rows;
      mean[channel] = m;
      variance[channel] = fmaxf(0, fmaf(-m, m, side.sums[all + c] / rows));
    }
  }
  __syncthreads();
}

// ---- forward ----

template <typename T, int V, int form>
__global__ void __launch_bounds__(threads, 1) forward(const __grid_constant__ Arguments of) {
  constexpr int sides = form == projects || form == any ? 2 : 1;
  const bool joined = form == any ? of.joins : form >= joins;
  const bool projected = form == any ? of.projects : form == projects;
  const auto used = [&](int s) { return s == 0 || projected; };
  extern __shared__ float memory[];
  const Shared shared(of, memory);
  const NormLayout& layout = of.layout;
  const NormPlace place(layout);
  const unsigned channels = layout.lanes * V;
  auto* cache = reinterpret_cast<Raw<T, V>*>(shared.cache);
  const unsigned kept_to = min(place.end, place.begin + layout.cached);
  const auto side_cache = [&](int s, unsigned row) {
    return s * layout.cached * layout.lanes + place.in_cache(row);
  };
  float* const mean = shared.results;               // [sides][channels]
  float* const variance = mean + sides * channels;  // [sides][channels]

  struct Maps {
    Raw<T, V> x[sides];
  };
  const auto load_x = [&](unsigned row, Reuse reuse) {
    Maps maps;
#pragma unroll
    for (int s = 0; s < sides; ++s)
      if (used(s)) maps.x[s] = load<T, V>(of.side[s].x, place.at(row), reuse);
    return maps;
  };
  const bool adds_up = !of.frozen && of.side[0].sums == nullptr;
  if (adds_up) {
    float shift[sides][V], sums[2 * sides][V] = {};
    if (place.works) {
      const Maps first = load_x(place.begin, Reuse::soon);
#pragma unroll
      for (int s = 0; s < sides; ++s)
        if (used(s)) unpack<T, V>(first.x[s], shift[s]);
    }
    const auto take = [&](const Maps& maps) {
#pragma unroll
      for (int s = 0; s < sides; ++s) {
        if (!used(s)) continue;
        float values[V];
        unpack<T, V>(maps.x[s], values);
#pragma unroll
        for (int k = 0; k < V; ++k) {
          const float distance = values[k] - shift[s][k];
          sums[2 * s][k] += distance;
          sums[2 * s + 1][k] = fmaf(distance, distance, sums[2 * s + 1][k]);
        }
      }
    };
    each_row<loads<T, form>>(
        place, place.begin, kept_to, false, [&](unsigned row) { return load_x(row, Reuse::never); },
        [&](unsigned row, const Maps& maps) {
#pragma unroll
          for (int s = 0; s < sides; ++s)
            if (used(s)) cache[side_cache(s, row)] = maps.x[s];
          take(maps);
        });
    each_row<loads<T, form>>(
        place, kept_to, place.end, false, [&](unsigned row) { return load_x(row, Reuse::soon); },
        [&](unsigned, const Maps& maps) { take(maps); });

    const auto side_moments = [&](int s) {
      return of.moments + (static_cast<size_t>(s) * layout.slices + blockIdx.y) * layout.parts * channels;
    };
    sum_lines<V, 2 * sides>(place, sums, shared.buffer, [&](unsigned channel, const float(&all)[2 * sides]) {
      const auto count = static_cast<float>(place.end - place.begin);
#pragma unroll
      for (int s = 0; s < sides; ++s) {
        if (!used(s)) continue;
        const auto* x = static_cast<const T*>(of.side[s].x);
        const auto from = static_cast<float>(
            x[static_cast<size_t>(place.begin) * layout.packs * V + blockIdx.y * channels + channel]);
        const float away = all[2 * s] / count;
        side_moments(s)[blockIdx.x * channels + channel] =
            make_float2(from + away, fmaxf(0, fmaf(-away, all[2 * s], all[2 * s + 1])));
      }
    });
    wait_for_all(of.counters + blockIdx.y, layout.parts);
    for (int s = 0; s < sides; ++s)
      if (used(s))
        combine_moments<V>(of, side_moments(s), mean + s * channels, variance + s * channels, shared.buffer);
  } else {
    for (int s = 0; s < sides; ++s)
      if (used(s)) given_moments<V>(of, of.side[s], mean + s * channels, variance + s * channels);
  }
  if (blockIdx.x == 0)
    for (int s = 0; s < sides; ++s)
      if (used(s))
        for (unsigned channel = threadIdx.x; channel < channels; channel += threads) {
          float* to = of.side[s].statistics + blockIdx.y * channels + channel;
          to[0] = mean[s * channels + channel];
          to[layout.packs * V] = variance[s * channels + channel];
        }

  float a[sides][V], b[sides][V];
  if (place.works)
#pragma unroll
    for (int s = 0; s < sides; ++s)
      if (used(s))
#pragma unroll
        for (int k = 0; k < V; ++k) {
          const unsigned own = s * channels + place.lane * V + k, c = place.pack * V + k;
          a[s][k] = of.side[s].scale[c] * inverse_deviation(variance[own], of.epsilon);
          b[s][k] = of.side[s].bias[c] - mean[own] * a[s][k];
        }
  struct Read {
    Maps maps;
    Raw<T, V> shortcut;
  };
  const auto apply = [&](unsigned row, const Read& read) {
    float v[V], other[V];
    unpack<T, V>(read.maps.x[0], v);
    if (projected)
      unpack<T, V>(read.maps.x[sides - 1], other);
    else if (joined)
      unpack<T, V>(read.shortcut, other);
    unsigned bits = 0;
#pragma unroll
    for (int k = 0; k < V; ++k) {
      v[k] = fmaf(v[k], a[0][k], b[0][k]);
      if (projected)
        v[k] += fmaf(other[k], a[sides - 1][k], b[sides - 1][k]);
      else if (joined)
        v[k] += other[k];
      if (!(v[k] <= 0)) bits |= 1u << k;
      v[k] = after_relu(v[k], of.relu);
    }
    store<T, V>(of.y, place.at(row), pack<T, V>(v), of.written);
    if (V == 8 && joined && of.mask != nullptr) of.mask[place.at(row)] = static_cast<uint8_t>(bits);
  };
  const auto read_shortcut = [&](unsigned row, Read& read) {
    if (joined && !projected) read.shortcut = load<T, V>(of.shortcut, place.at(row), Reuse::never);
  };
  each_row<loads<T, form>>(
      place, adds_up ? kept_to : place.begin, place.end, adds_up,
      [&](unsigned row) {
        Read read;
        read.maps = load_x(row, Reuse::never);
        read_shortcut(row, read);
        return read;
      },
      apply);
  if (!adds_up) return;
  each_row<loads<T, form>>(
      place, place.begin, kept_to, true,
      [&](unsigned row) {
        Read read;
#pragma unroll
        for (int s = 0; s < sides; ++s)
          if (used(s)) read.maps.x[s] = cache[side_cache(s, row)];
        read_shortcut(row, read);
        return read;
      },
      apply);
}

// One bit an element, from y itself: where eight channels are not one pack.
template <typename T>
__global__ void mask_of(const T* y, size_t count, uint8_t* mask) {
  const size_t i = static_cast<size_t>(blockIdx.x) * 256 + threadIdx.x;
  if (i * 8 >= count) return;
  unsigned bits = 0;
  for (unsigned k = 0; k < 8 && i * 8 + k < count; ++k)
    if (!(static_cast<float>(y[i * 8 + k]) <= 0)) bits |= 1u << k;
  mask[i] = static_cast<uint8_t>(bits);
}

// ---- backward ----

__device__ void write_sum(float* to, Write how, float value) {
  if (how != Write::skip) *to = how == Write::add ? *to + value : value;
}

template <typename T, int V>
__device__ void write_map(void* to, Write how, size_t at, float (&values)[V], Reuse reuse) {
  if (how == Write::skip) return;
  if (how == Write::add) {
    float before[V];
    Raw<T, V> raw = static_cast<const Raw<T, V>*>(to)[at];
    unpack<T, V>(raw, before);
#pragma unroll
    for (int k = 0; k < V; ++k) values[k] += before[k];
  }
  store<T, V>(to, at, pack<T, V>(values), reuse);
}

template <typename T, int V, int form>
__global__ void __launch_bounds__(threads, 1) backward(const __grid_constant__ Arguments of) {
  constexpr int sides = form == projects || form == any ? 2 : 1, quantities = 1 + sides;
  const bool joined = form == any ? of.joins : form >= joins;
  const bool projected = form == any ? of.projects : form == projects;
  const auto used = [&](int s) { return s == 0 || projected; };
  extern __shared__ float memory[];
  const Shared shared(of, memory);
  const NormLayout& layout = of.layout;
  const NormPlace place(layout);
  const unsigned channels = layout.lanes * V, all_channels = layout.packs * V;
  auto* cache = reinterpret_cast<Raw<T, V>*>(shared.cache);
  const unsigned kept_to = min(place.end, place.begin + layout.cached);
  const auto map_cache = [&](int map, unsigned row) {  // maps 0 and 1: of the sides; the last: what arrives
    return map * layout.cached * layout.lanes + place.in_cache(row);
  };

  float mean[sides][V], a[sides][V], b[V];
  if (place.works)
#pragma unroll
    for (int s = 0; s < sides; ++s)
      if (used(s))
#pragma unroll
        for (int k = 0; k < V; ++k) {
          const unsigned c = place.pack * V + k;
          mean[s][k] = of.side[s].statistics[c];
          a[s][k] =
              of.side[s].scale[c] * inverse_deviation(of.side[s].statistics[all_channels + c], of.epsilon);
          if (s == 0) b[k] = of.side[s].bias[c] - mean[s][k] * a[s][k];
        }

  struct Read {
    Raw<T, V> x[sides], d_y;
    unsigned mask;
  };
  const auto read_row = [&](unsigned row, Reuse reuse) {
    Read read;
#pragma unroll
    for (int s = 0; s < sides; ++s)
      if (used(s)) read.x[s] = load<T, V>(of.side[s].x, place.at(row), reuse);
    read.d_y = load<T, V>(of.d_y, place.at(row), reuse);
    read.mask = ~0u;
    if (joined && of.relu)
      read.mask = V == 8 ? __ldg(of.mask + place.at(row))
                         : static_cast<unsigned>(__ldg(of.mask + place.at(row) / 8) >> (place.at(row) % 8));
    return read;
  };
  // What arrives before the ReLU.
  const auto arriving = [&](const Read& read, const float(&x)[V], float(&g)[V]) {
    unpack<T, V>(read.d_y, g);
    if (!of.relu) return;
#pragma unroll
    for (int k = 0; k < V; ++k) {
      const bool off = joined ? (read.mask >> k & 1) == 0 : fmaf(x[k], a[0][k], b[k]) <= 0;
      if (off) g[k] = 0;
    }
  };
  float sums[quantities][V] = {};
  const auto take = [&](const Read& read, float(&g)[V]) {
    float x[V];
    unpack<T, V>(read.x[0], x);
    arriving(read, x, g);
#pragma unroll
    for (int k = 0; k < V; ++k) {
      sums[0][k] += g[k];
      sums[1][k] = fmaf(g[k], x[k] - mean[0][k], sums[1][k]);
    }
    if (projected) {
      unpack<T, V>(read.x[sides - 1], x);
#pragma unroll
      for (int k = 0; k < V; ++k) sums[sides][k] = fmaf(g[k], x[k] - mean[sides - 1][k], sums[sides][k]);
    }
  };
  each_row<loads<T, form>>(
      place, place.begin, kept_to, false, [&](unsigned row) { return read_row(row, Reuse::never); },
      [&](unsigned row, const Read& read) {
        float g[V];
        take(read, g);
#pragma unroll
        for (int s = 0; s < sides; ++s)
          if (used(s)) cache[map_cache(s, row)] = read.x[s];
        cache[map_cache(sides, row)] = pack<T, V>(g);
      });
  each_row<loads<T, form>>(
      place, kept_to, place.end, false, [&](unsigned row) { return read_row(row, Reuse::soon); },
      [&](unsigned, const Read& read) {
        float g[V];
        take(read, g);
      });

  const auto partial = [&](int q, unsigned part, unsigned channel) {
    return of.partials +
           ((static_cast<size_t>(q) * layout.slices + blockIdx.y) * layout.parts + part) * channels + channel;
  };
  sum_lines<V, quantities>(place, sums, shared.buffer, [&](unsigned channel, const float(&all)[quantities]) {
#pragma unroll
    for (int q = 0; q < quantities; ++q) *partial(q, blockIdx.x, channel) = all[q];
  });
  wait_for_all(of.counters + blockIdx.y, layout.parts);
  for (int q = 0; q < quantities; ++q)
    sum_parts(channels, layout.parts, shared.buffer, shared.results + q * channels,
              [&](unsigned part, unsigned channel) { return __ldcg(partial(q, part, channel)); });

  const float inverse_rows = of.frozen ? 0 : 1 / static_cast<float>(layout.rows);
  if (blockIdx.x == 0)
    for (int s = 0; s < sides; ++s)
      if (used(s))
        for (unsigned channel = threadIdx.x; channel < channels; channel += threads) {
          const unsigned c = blockIdx.y * channels + channel;
          const SideArguments& side = of.side[s];
          const float deviation = inverse_deviation(side.statistics[all_channels + c], of.epsilon);
          write_sum(side.d_bias + c, side.d_bias_how, shared.results[channel]);
          write_sum(side.d_scale + c, side.d_scale_how,
                    deviation * shared.results[(1 + s) * channels + channel]);
        }

  // d_x = a g + by_x (x - mean) + constant
  float by_x[sides][V], constant[sides][V];
  if (place.works)
#pragma unroll
    for (int s = 0; s < sides; ++s)
      if (used(s))
#pragma unroll
        for (int k = 0; k < V; ++k) {
          const unsigned own = place.lane * V + k;
          const float deviation =
              inverse_deviation(of.side[s].statistics[all_channels + place.pack * V + k], of.epsilon);
          constant[s][k] = -a[s][k] * shared.results[own] * inverse_rows;
          by_x[s][k] =
              -a[s][k] * deviation * deviation * shared.results[(1 + s) * channels + own] * inverse_rows;
        }
  const auto apply = [&](unsigned row, const Raw<T, V>(&maps)[sides], const float(&g)[V]) {
#pragma unroll
    for (int s = 0; s < sides; ++s) {
      if (!used(s)) continue;
      float x[V];
      unpack<T, V>(maps[s], x);
#pragma unroll
      for (int k = 0; k < V; ++k)
        x[k] = fmaf(by_x[s][k], x[k] - mean[s][k], fmaf(a[s][k], g[k], constant[s][k]));
      write_map<T, V>(of.side[s].d_x, of.side[s].d_x_how, place.at(row), x, of.written);
    }
    if (joined && !projected) {
      float copy[V];
#pragma unroll
      for (int k = 0; k < V; ++k) copy[k] = g[k];
      write_map<T, V>(of.d_shortcut, of.d_shortcut_how, place.at(row), copy, of.written);
    }
  };
  each_row<loads<T, form>>(
      place, kept_to, place.end, true, [&](unsigned row) { return read_row(row, Reuse::never); },
      [&](unsigned row, const Read& read) {
        float x[V], g[V];
        unpack<T, V>(read.x[0], x);
        arriving(read, x, g);
        apply(row, read.x, g);
      });
  each_row<loads<T, form>>(
      place, place.begin, kept_to, true,
      [&](unsigned row) {
        Read read;
#pragma unroll
        for (int s = 0; s < sides; ++s)
          if (used(s)) read.x[s] = cache[map_cache(s, row)];
        read.d_y = cache[map_cache(sides, row)];
        return read;
      },
      [&](unsigned row, const Read& read) {
        float g[V];
        unpack<T, V>(read.d_y, g);
        apply(row, read.x, g);
      });
}

// ---- the choice of kernel, and its launch ----

using KernelOf = void (*)(Arguments);

template <typename T>
KernelOf pick(bool back, int form, int V) {
  if (V == 1) return back ? backward<T, 1, any> : forward<T, 1, any>;
  switch (form) {
    case joins:
      return back ? backward<T, 8, joins> : forward<T, 8, joins>;
    case projects:
      return back ? backward<T, 8, projects> : forward<T, 8, projects>;
    default:
      return back ? backward<T, 8, alone> : forward<T, 8, alone>;
  }
}

unsigned largest_divisor(unsigned of, unsigned most) {
  unsigned divisor = std::min(of, most);
  while (of % divisor != 0) --divisor;
  return divisor;
}

class Norm : public Kernel {
 public:
  Norm(GpuDevice& device, const Site& site, const BatchNormSettings& settings, bool back)
      : at_(site), site_(site), back_(back), dtype_(at_.main.x.spec.dtype) {
    const Shape shape = at_.shape;
    const int V = shape.c % 8 == 0 ? 8 : 1;
    of_.epsilon = settings.epsilon;
    of_.relu = settings.relu;
    of_.frozen = settings.frozen;
    of_.projects = settings.projects;
    of_.joins = settings.projects || site.in[6] || at_.shortcut.d_x.to || at_.mask;
    const int form = of_.projects ? projects : of_.joins ? joins : alone;
    const int sides = V == 1 || of_.projects ? 2 : 1;
    waits_ = back || (!settings.frozen && !at_.main.sums);
    kernel_ = dtype_ == DType::f32   ? pick<float>(back, form, V)
              : dtype_ == DType::f16 ? pick<__half>(back, form, V)
                                     : pick<__nv_bfloat16>(back, form, V);
    set_layout(device.size(), shape, V, sides);
    set_tensors(device);
    allow_shared(device.size());
  }

  void run(Stream stream) override {
    Arguments of = of_;
    of.moments = static_cast<float2*>(site_.scratch.data());
    of.partials = static_cast<float*>(site_.scratch.data());
    const dim3 grid(of.layout.parts, of.layout.slices);
    const auto native = static_cast<cudaStream_t>(stream.native);
    void* arguments[] = {&of};
    const auto* kernel = reinterpret_cast<const void*>(kernel_);
    const bool together = waits_ && of.layout.parts > 1;
    cuda_check(together ? cudaLaunchCooperativeKernel(kernel, grid, threads, arguments, shared_, native)
                        : cudaLaunchKernel(kernel, grid, threads, arguments, shared_, native),
               back_ ? "batch norm backward" : "batch norm");
    if (!back_ && of.mask != nullptr && at_.shape.c % 8 != 0) make_mask(native);
  }

 private:
  // Blocks of 64 or 128 channels, as many rows to each as the card has processors for.
  void set_layout(const CardSize& card, const Shape& shape, int V, int sides) {
    NormLayout& layout = of_.layout;
    layout.rows = static_cast<unsigned>(shape.count() / shape.c);
    layout.packs = static_cast<unsigned>(shape.c / V);
    layout.lanes = largest_divisor(layout.packs, V == 1 ? 32 : layout.packs >= 32 ? 16 : 8);
    layout.slices = layout.packs / layout.lanes;
    const unsigned lines = threads / layout.lanes;
    const unsigned blocks = static_cast<unsigned>(card.processors) * (waits_ ? 1 : 4);
    layout.parts = std::clamp(blocks / layout.slices, 1u, std::max(1u, layout.rows / lines));
    layout.part_rows = blocks_for(layout.rows, static_cast<int>(layout.parts));
    layout.parts = blocks_for(layout.rows, static_cast<int>(layout.part_rows));

    const int quantities = back_ ? 1 + sides : 2 * sides, maps = back_ ? 1 + sides : sides;
    const unsigned channels = layout.lanes * static_cast<unsigned>(V);
    const unsigned groups = 32 % layout.lanes == 0 ? threads / 32 : lines;
    of_.buffer_floats =
        std::max(groups * channels * static_cast<unsigned>(quantities), static_cast<unsigned>(threads));
    of_.buffer_floats = (of_.buffer_floats + 3) / 4 * 4;
    shared_ = sizeof(float) * (4 * 128 + of_.buffer_floats);
    const size_t row = layout.lanes * bytes(dtype_) * static_cast<size_t>(V * maps);
    if (waits_ && card.shared_bytes > shared_)
      layout.cached =
          static_cast<unsigned>(std::min<size_t>(layout.part_rows, (card.shared_bytes - shared_) / row));
    shared_ += layout.cached * row;
    site_.scratch.request(sizeof(float) * static_cast<size_t>(quantities) * layout.slices * layout.parts *
                          channels);
  }

  void set_tensors(GpuDevice& device) {
    const auto side = [&](const BatchNormSite::Side& from) {
      return SideArguments{.x = from.x.data,
                           .scale = from.scale.as<float>(),
                           .bias = from.bias.as<float>(),
                           .mean = from.mean.as<float>(),
                           .variance = from.variance.as<float>(),
                           .sums = from.sums.as<float>(),
                           .statistics = from.statistics.as<float>(),
                           .d_x = from.d_x.to.data,
                           .d_scale = from.d_scale.to.as<float>(),
                           .d_bias = from.d_bias.to.as<float>(),
                           .d_x_how = from.d_x.how,
                           .d_scale_how = from.d_scale.how,
                           .d_bias_how = from.d_bias.how};
    };
    of_.side[0] = side(at_.main);
    of_.side[1] = side(at_.shortcut);
    of_.shortcut = at_.shortcut.x.data;
    of_.d_shortcut = at_.shortcut.d_x.to.data;
    of_.d_shortcut_how = at_.shortcut.d_x.how;
    of_.y = at_.y.data;
    of_.d_y = at_.d_y.data;
    of_.mask = at_.mask.as<uint8_t>();
    constexpr size_t stays = size_t{16} << 20;  // in the card's cache until the next kernel reads it
    of_.written = bytes(at_.main.x.spec) <= stays ? Reuse::soon : Reuse::never;
    if (!waits_) return;
    const std::vector<unsigned long long> zeros(of_.layout.slices, 0);
    const int size = static_cast<int>(zeros.size() * sizeof(zeros[0]));
    counters_ = device.allocate(static_cast<size_t>(size));
    device.upload({{{1, 1, 1, size}, DType::u8}, counters_->data()}, zeros.data(), device.stream());
    of_.counters = static_cast<unsigned long long*>(counters_->data());
  }

  // Where there is no card (its description alone is enough to choose kernels) nothing is to be done.
  // All that there is: several calls share a kernel.
  void allow_shared(const CardSize& card) const {
    const cudaError_t code =
        cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel_),
                             cudaFuncAttributeMaxDynamicSharedMemorySize,
                             static_cast<int>(card.shared_bytes));
    if (code == cudaErrorNoDevice || code == cudaErrorInsufficientDriver)
      cudaGetLastError();
    else
      cuda_check(code, "cudaFuncSetAttribute");
  }

  void make_mask(cudaStream_t stream) const {
    const auto count = static_cast<size_t>(at_.shape.count());
    const unsigned blocks = blocks_for(static_cast<int64_t>((count + 7) / 8), 256);
    if (dtype_ == DType::f32)
      mask_of<<<blocks, 256, 0, stream>>>(at_.y.as<float>(), count, of_.mask);
    else if (dtype_ == DType::f16)
      mask_of<<<blocks, 256, 0, stream>>>(at_.y.as<__half>(), count, of_.mask);
    else
      mask_of<<<blocks, 256, 0, stream>>>(at_.y.as<__nv_bfloat16>(), count, of_.mask);
    check_launch("batch norm mask");
  }

  BatchNormSite at_;
  Site site_;
  bool back_, waits_ = false;
  DType dtype_;
  Arguments of_{};
  KernelOf kernel_ = nullptr;
  size_t shared_ = 0;
  MemoryPtr counters_;
};

}  // namespace

KernelPtr batch_norm_forward_gpu(Device& device, const Site& site, const BatchNormSettings& settings) {
  return std::make_unique<Norm>(gpu(device), site, settings, false);
}

KernelPtr batch_norm_backward_gpu(Device& device, const Site& site, const BatchNormSettings& settings) {
  return std::make_unique<Norm>(gpu(device), site, settings, true);
}

}  // namespace dlfs
