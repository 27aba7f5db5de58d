#include <algorithm>
#include <cstdlib>

#include "dlfs/gpu/gpu_device.h"
#include "dlfs/gpu/launch.h"
#include "dlfs/ops/batch_norm/batch_norm.h"
#include "dlfs/ops/batch_norm/rows_gpu.cuh"

namespace dlfs {
namespace {

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
  bool relu, frozen, joins, projects;
  Reuse written;
};

__device__ float inverse_deviation(float variance, float epsilon) { return 1 / sqrtf(variance + epsilon); }

// What a block has in shared memory: results a channel, a buffer for sums, the rows that are on their way, those that are
// kept. Each thread has its own place in the latter two.
template <typename T, int V, int maps, int depth>
struct Shared {
  __device__ Shared(const Arguments& of, float* memory)
      : results(memory),
        buffer(memory + norm_results),
        rows(reinterpret_cast<Raw<T, V>*>(buffer + of.buffer_floats) + threadIdx.x),
        kept(of.layout.kept) {}
  // Of one of a row's maps; without a slot it is a kept row's.
  __device__ Raw<T, V>* at(int map, int row, int slot = 0) const {
    return rows +
           static_cast<size_t>(row < kept ? depth * maps + row * maps + map : slot * maps + map) * threads;
  }
  __device__ Raw<T, V>* in_slot(int map, int slot) const { return rows + (slot * maps + map) * threads; }

  float *results, *buffer;
  Raw<T, V>* rows;
  int kept;
};

// y where a ReLU may follow: NaN comes through.
__device__ float after_relu(float v, bool relu) { return relu && v <= 0 ? 0 : v; }

// Mean and variance of a side's channels, from the moments of the parts: each part's are about its own mean, which lies
// near the first part's.
template <int V>
__device__ void combine_moments(const Arguments& of, const float2* moments, float* mean, float* variance,
                                float* buffer) {
  const NormLayout& layout = of.layout;
  const unsigned channels = layout.lanes * V;
  const auto at = [&](unsigned part, unsigned channel) {
    return __ldcg(moments + part * channels + channel);
  };
  const float last = static_cast<float>(layout.rows - (layout.parts - 1) * layout.part_rows);
  const float first = at(0, threadIdx.x % channels).x;  // of the channel that this thread helps to add up
  float* sums = mean;                                   // [2][channels]: mean and variance lie side by side
  sum_parts<2>(channels, layout.parts, buffer, sums,
               [&](unsigned part, unsigned channel, float(&numbers)[2]) {
                 const float2 moment = at(part, channel);
                 const float count = part + 1 == layout.parts ? last : static_cast<float>(layout.part_rows);
                 const float distance = moment.x - first;
                 numbers[0] = count * distance;
                 numbers[1] = fmaf(count * distance, distance, moment.y);
               });
  const auto rows = static_cast<float>(layout.rows);
  for (unsigned channel = threadIdx.x; channel < channels; channel += threads) {
    const float away = sums[channel] / rows;
    mean[channel] = at(0, channel).x + away;
    variance[channel] = fmaxf(0, fmaf(-away, away, sums[channels + channel] / rows));
  }
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
  constexpr int sides = form == projects || form == any ? 2 : 1, maps = maps_of(false, form);
  constexpr int depth = ahead<T, V>(maps);
  const bool joined = form == any ? of.joins : form >= joins;
  const bool projected = form == any ? of.projects : form == projects;
  const auto used = [&](int s) { return s == 0 || projected; };
  extern __shared__ float memory[];
  const Shared<T, V, maps, depth> shared(of, memory);
  const NormLayout& layout = of.layout;
  const NormPlace place(layout);
  const unsigned channels = layout.lanes * V;
  const int kept = min(place.rows, layout.kept);
  float* const mean = shared.results;  // [sides][2][channels]: mean, variance
  const auto mean_of = [&](int s) { return mean + 2 * s * channels; };

  const auto read_x = [&](int row, int slot) {
#pragma unroll
    for (int s = 0; s < sides; ++s)
      if (used(s)) copy_ahead<T, V>(shared.at(s, row, slot), of.side[s].x, place.at(row));
  };
  const auto read_shortcut = [&](int row, int slot) {
    if (joined && !projected) copy_ahead<T, V>(shared.in_slot(maps - 1, slot), of.shortcut, place.at(row));
  };
  const auto read_all = [&](int row, int slot) {
    read_x(row, slot);
    read_shortcut(row, slot);
    return 0u;
  };
  Ahead<depth> rest(kept, place.rows, true);  // the second pass, first the rows that are not kept
  const bool adds_up = !of.frozen && of.side[0].sums == nullptr;
  if (adds_up) {
    float shift[sides][V], sums[2 * sides][V] = {};
    const auto read = [&](int row, int slot) {
      read_x(row, slot);
      return 0u;
    };
    Ahead<depth> all(0, place.rows, false);
    all.start(read);
    if (place.works)  // all threads of a channel add up distances from the part's first row
#pragma unroll
      for (int s = 0; s < sides; ++s)
        if (used(s))
          unpack<T, V>(load<T, V>(of.side[s].x, static_cast<size_t>(place.begin) * place.packs + place.pack,
                                  Reuse::soon),
                       shift[s]);
    all.finish(read, [&](int row, int slot, unsigned) {
#pragma unroll
      for (int s = 0; s < sides; ++s) {
        if (!used(s)) continue;
        float values[V];
        unpack<T, V>(*shared.at(s, row, slot), values);
#pragma unroll
        for (int k = 0; k < V; ++k) {
          const float distance = values[k] - shift[s][k];
          sums[2 * s][k] += distance;
          sums[2 * s + 1][k] = fmaf(distance, distance, sums[2 * s + 1][k]);
        }
      }
    });
    rest.start(read_all);
    const auto side_moments = [&](int s) {
      return of.moments + (static_cast<size_t>(s) * layout.slices + blockIdx.y) * layout.parts * channels;
    };
    sum_lines<V, 2 * sides>(
        place, sums, shared.buffer, [&](unsigned channel, const float(&total)[2 * sides]) {
          const auto count = static_cast<float>(place.end - place.begin);
#pragma unroll
          for (int s = 0; s < sides; ++s) {
            if (!used(s)) continue;
            const auto* x = static_cast<const T*>(of.side[s].x);
            const auto from = static_cast<float>(
                x[static_cast<size_t>(place.begin) * layout.packs * V + blockIdx.y * channels + channel]);
            const float away = total[2 * s] / count;
            side_moments(s)[blockIdx.x * channels + channel] =
                make_float2(from + away, fmaxf(0, fmaf(-away, total[2 * s], total[2 * s + 1])));
          }
        });
    wait_for_all(of.counters + blockIdx.y, layout.parts);
    for (int s = 0; s < sides; ++s)
      if (used(s)) combine_moments<V>(of, side_moments(s), mean_of(s), mean_of(s) + channels, shared.buffer);
  } else {
    rest.start(read_all);
    for (int s = 0; s < sides; ++s)
      if (used(s)) given_moments<V>(of, of.side[s], mean_of(s), mean_of(s) + channels);
  }
  if (blockIdx.x == 0)
    for (int s = 0; s < sides; ++s)
      if (used(s))
        for (unsigned channel = threadIdx.x; channel < channels; channel += threads) {
          float* to = of.side[s].statistics + blockIdx.y * channels + channel;
          to[0] = mean_of(s)[channel];
          to[layout.packs * V] = mean_of(s)[channels + channel];
        }

  float a[sides][V], b[sides][V];
  if (place.works)
#pragma unroll
    for (int s = 0; s < sides; ++s)
      if (used(s))
#pragma unroll
        for (int k = 0; k < V; ++k) {
          const unsigned own = place.lane * V + k, c = place.pack * V + k;
          a[s][k] = of.side[s].scale[c] * inverse_deviation(mean_of(s)[channels + own], of.epsilon);
          b[s][k] = of.side[s].bias[c] - mean_of(s)[own] * a[s][k];
        }
  const auto apply = [&](int row, int slot, unsigned) {
    float v[V], other[V];
    unpack<T, V>(*shared.at(0, row, slot), v);
    if (projected)
      unpack<T, V>(*shared.at(sides - 1, row, slot), other);
    else if (joined)
      unpack<T, V>(*shared.in_slot(maps - 1, slot), other);
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
  rest.finish(read_all, apply);
  Ahead<depth> again(0, kept, true);
  const auto read_less = [&](int row, int slot) {
    read_shortcut(row, slot);
    return 0u;
  };
  again.start(read_less);
  again.finish(read_less, apply);
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
  constexpr int maps = maps_of(true, form), depth = ahead<T, V>(maps);  // the last map is what arrives
  const bool joined = form == any ? of.joins : form >= joins;
  const bool projected = form == any ? of.projects : form == projects;
  const auto used = [&](int s) { return s == 0 || projected; };
  extern __shared__ float memory[];
  const Shared<T, V, maps, depth> shared(of, memory);
  const NormLayout& layout = of.layout;
  const NormPlace place(layout);
  const unsigned channels = layout.lanes * V, all_channels = layout.packs * V;
  const int kept = min(place.rows, layout.kept);

  // Gives the row's mask.
  const auto read = [&](int row, int slot) {
#pragma unroll
    for (int s = 0; s < sides; ++s)
      if (used(s)) copy_ahead<T, V>(shared.at(s, row, slot), of.side[s].x, place.at(row));
    copy_ahead<T, V>(shared.at(maps - 1, row, slot), of.d_y, place.at(row));
    if (!joined || !of.relu) return ~0u;
    return V == 8 ? static_cast<unsigned>(__ldg(of.mask + place.at(row)))
                  : static_cast<unsigned>(__ldg(of.mask + place.at(row) / 8)) >> (place.at(row) % 8);
  };
  Ahead<depth> all(0, place.rows, false);
  all.start(read);
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
  // What arrives before the ReLU.
  const auto arriving = [&](int row, int slot, unsigned mask, const float(&x)[V], float(&g)[V]) {
    unpack<T, V>(*shared.at(maps - 1, row, slot), g);
    if (!of.relu) return;
#pragma unroll
    for (int k = 0; k < V; ++k) {
      const bool off = joined ? (mask >> k & 1) == 0 : fmaf(x[k], a[0][k], b[k]) <= 0;
      if (off) g[k] = 0;
    }
  };
  float sums[quantities][V] = {};
  all.finish(read, [&](int row, int slot, unsigned mask) {
    float x[V], g[V];
    unpack<T, V>(*shared.at(0, row, slot), x);
    arriving(row, slot, mask, x, g);
#pragma unroll
    for (int k = 0; k < V; ++k) {
      sums[0][k] += g[k];
      sums[1][k] = fmaf(g[k], x[k] - mean[0][k], sums[1][k]);
    }
    if (projected) {
      unpack<T, V>(*shared.at(sides - 1, row, slot), x);
#pragma unroll
      for (int k = 0; k < V; ++k) sums[sides][k] = fmaf(g[k], x[k] - mean[sides - 1][k], sums[sides][k]);
    }
    if (row < kept && of.relu) *shared.at(maps - 1, row) = pack<T, V>(g);
  });
  Ahead<depth> rest(kept, place.rows, true);
  rest.start(read);

  const auto partial = [&](int q, unsigned part, unsigned channel) {
    return of.partials +
           ((static_cast<size_t>(q) * layout.slices + blockIdx.y) * layout.parts + part) * channels + channel;
  };
  sum_lines<V, quantities>(place, sums, shared.buffer,
                           [&](unsigned channel, const float(&total)[quantities]) {
#pragma unroll
                             for (int q = 0; q < quantities; ++q) *partial(q, blockIdx.x, channel) = total[q];
                           });
  wait_for_all(of.counters + blockIdx.y, layout.parts);
  sum_parts<quantities>(channels, layout.parts, shared.buffer, shared.results,
                        [&](unsigned part, unsigned channel, float(&numbers)[quantities]) {
#pragma unroll
                          for (int q = 0; q < quantities; ++q) numbers[q] = __ldcg(partial(q, part, channel));
                        });

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
  const auto apply = [&](int row, int slot, const float(&g)[V]) {
#pragma unroll
    for (int s = 0; s < sides; ++s) {
      if (!used(s)) continue;
      float x[V];
      unpack<T, V>(*shared.at(s, row, slot), x);
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
  rest.finish(read, [&](int row, int slot, unsigned mask) {
    float x[V], g[V];
    unpack<T, V>(*shared.at(0, row, slot), x);
    arriving(row, slot, mask, x, g);
    apply(row, slot, g);
  });
  for (int row = kept - 1; row >= 0; --row) {
    float g[V];
    unpack<T, V>(*shared.at(maps - 1, row), g);
    apply(row, 0, g);
  }
}

// ---- the choice of kernel, and its launch ----

using KernelOf = void (*)(Arguments);

// Of a kernel: maps that it reads, and how many rows ahead.
struct RowsOf {
  int maps, ahead;
};

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
    set_layout(device.size(), shape, V, sides, rows_of(V == 1 ? any : form, V));
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
    const bool together = waits_ && of.layout.parts > 1 && std::getenv("DLFS_PLAIN_LAUNCH") == nullptr;
    cuda_check(together ? cudaLaunchCooperativeKernel(kernel, grid, threads, arguments, shared_, native)
                        : cudaLaunchKernel(kernel, grid, threads, arguments, shared_, native),
               back_ ? "batch norm backward" : "batch norm");
    if (!back_ && of.mask != nullptr && at_.shape.c % 8 != 0) make_mask(native);
  }

 private:
  // Blocks of 64 or 128 channels, as many rows to each as the card has processors for.
  void set_layout(const CardSize& card, const Shape& shape, int V, int sides, const RowsOf& rows_of) {
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

    const unsigned channels = layout.lanes * static_cast<unsigned>(V);
    const unsigned groups = 32 % layout.lanes == 0 ? threads / 32 : lines;
    const unsigned quantities = static_cast<unsigned>(back_ ? 1 + sides : 2 * sides);
    of_.buffer_floats = quantities * std::max(groups * channels, static_cast<unsigned>(threads));
    const size_t row = threads * bytes(dtype_) * static_cast<size_t>(V * rows_of.maps);  // of all threads
    shared_ = sizeof(float) * (norm_results + of_.buffer_floats) + row * static_cast<size_t>(rows_of.ahead);
    const int most = static_cast<int>(blocks_for(layout.part_rows, static_cast<int>(lines)));
    if (waits_ && card.shared_bytes > shared_)
      layout.kept = std::min(most, static_cast<int>((card.shared_bytes - shared_) / row));
    shared_ += static_cast<size_t>(layout.kept) * row;
    site_.scratch.request(sizeof(float) * quantities * layout.slices * layout.parts * channels);
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

  RowsOf rows_of(int form, int V) const {
    const int maps = maps_of(back_, form);
    const bool wide = dtype_ == DType::f32;
    return {maps, V == 1 ? ahead<float, 1>(maps) : wide ? ahead<float, 8>(maps) : ahead<__half, 8>(maps)};
  }

  // Where there is no card (its description alone is enough to choose kernels) nothing is to be done.
  // All that there is: several calls share a kernel.
  void allow_shared(const CardSize& card) const {
    const cudaError_t code = cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel_),
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
