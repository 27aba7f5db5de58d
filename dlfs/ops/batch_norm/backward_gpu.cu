#include "dlfs/ops/batch_norm/kernels_gpu.cuh"

namespace dlfs::norm {
namespace {

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
  const Shared<T, V, maps> shared(of, memory);
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
  Ahead<depth> all(0, place.rows, false, of.layout.slots);
  all.start(read);
  float mean[sides][V], a[sides][V], b[V], deviation[sides][V];
  if (place.works)
#pragma unroll
    for (int s = 0; s < sides; ++s)
      if (used(s)) {
        const SideArguments& side = of.side[s];
        const unsigned first = place.pack * V;
        read_floats<V>(side.statistics + first, mean[s]);
        read_floats<V>(side.statistics + all_channels + first, deviation[s]);
        read_floats<V>(side.scale + first, a[s]);
        if (s == 0) read_floats<V>(side.bias + first, b);
#pragma unroll
        for (int k = 0; k < V; ++k) {
          deviation[s][k] = inverse_deviation(deviation[s][k], of.epsilon);
          a[s][k] *= deviation[s][k];
          if (s == 0) b[k] -= mean[s][k] * a[s][k];
        }
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
  Ahead<depth> rest(kept, place.rows, true, of.layout.slots);
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
  sum_parts<quantities>(
      channels, layout.parts, shared.buffer, shared.results,
      [&](unsigned part, unsigned channel, float(&numbers)[quantities]) {
#pragma unroll
        for (int q = 0; q < quantities; ++q) numbers[q] = __ldcg(partial(q, part, channel));
      },
      [](unsigned, float(&)[quantities]) {});

  const float inverse_rows = of.frozen ? 0 : 1 / static_cast<float>(layout.rows);
  // d_x = a g + by_x (x - mean) + constant
  float by_x[sides][V], constant[sides][V];
  if (place.works)
#pragma unroll
    for (int s = 0; s < sides; ++s)
      if (used(s)) {
        read_floats<V>(shared.results + place.lane * V, constant[s]);
        read_floats<V>(shared.results + (1 + s) * channels + place.lane * V, by_x[s]);
#pragma unroll
        for (int k = 0; k < V; ++k) {
          const float share = -a[s][k] * inverse_rows;
          constant[s][k] *= share;
          by_x[s][k] *= share * deviation[s][k] * deviation[s][k];
        }
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
  if (blockIdx.x == 0)
    for (int s = 0; s < sides; ++s)
      if (used(s))
        for (unsigned channel = threadIdx.x; channel < channels; channel += threads) {
          const unsigned c = blockIdx.y * channels + channel;
          const SideArguments& side = of.side[s];
          const float by_deviation = inverse_deviation(side.statistics[all_channels + c], of.epsilon);
          write_sum(side.d_bias + c, side.d_bias_how, shared.results[channel]);
          write_sum(side.d_scale + c, side.d_scale_how,
                    by_deviation * shared.results[(1 + s) * channels + channel]);
        }
}

}  // namespace

NormKernel backward_kernel(DType dtype, int form) {
  return kernel_for(dtype, form, [&]<typename T, int V, int f>() -> NormKernel { return backward<T, V, f>; });
}

}  // namespace dlfs::norm
