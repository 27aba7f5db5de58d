#include "dlfs/ops/batch_norm/kernels_gpu.cuh"

namespace dlfs::norm {
namespace {

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
  sum_parts<2>(
      channels, layout.parts, buffer, sums,
      [&](unsigned part, unsigned channel, float(&numbers)[2]) {
        const float2 moment = at(part, channel);
        numbers[0] = moment.x;
        numbers[1] = moment.y;
      },
      [&](unsigned part, float(&numbers)[2]) {
        const float count = part + 1 == layout.parts ? last : static_cast<float>(layout.part_rows);
        const float distance = numbers[0] - first;
        numbers[0] = count * distance;
        numbers[1] = fmaf(numbers[0], distance, numbers[1]);
      });
  const auto rows = static_cast<float>(layout.rows);
  const unsigned channel = threadIdx.x;
  if (channel < channels) {
    const float away = sums[channel] / rows;
    mean[channel] = first + away;
    variance[channel] = fmaxf(0, fmaf(-away, away, sums[channels + channel] / rows));
  }
  __syncthreads();
}

// The same where nothing is to be added up: running ones, or sums or moments that are given.
template <int V>
__device__ void given_moments(const Arguments& of, const SideArguments& side, bool moments, float* mean,
                              float* variance) {
  const unsigned channels = of.layout.lanes * V, first = blockIdx.y * channels, all = of.layout.packs * V;
  for (unsigned channel = threadIdx.x; channel < channels; channel += threads) {
    const unsigned c = first + channel;
    if (of.frozen) {
      mean[channel] = side.mean[c];
      variance[channel] = side.variance[c];
    } else if (moments) {
      mean[channel] = side.sums[c];
      variance[channel] = side.sums[all + c];
    } else {
      const auto rows = static_cast<float>(of.layout.rows);
      const float m = side.sums[c] / rows;
      mean[channel] = m;
      variance[channel] = fmaxf(0, fmaf(-m, m, side.sums[all + c] / rows));
    }
  }
  __syncthreads();
}

template <typename T, int V, int form>
__global__ void __launch_bounds__(threads, 1) forward(const __grid_constant__ Arguments of) {
  constexpr int sides = form == projects || form == any ? 2 : 1, maps = maps_of(false, form);
  constexpr int depth = ahead<T, V>(maps);
  const bool joined = form == any ? of.joins : form >= joins;
  const bool projected = form == any ? of.projects : form == projects;
  const auto used = [&](int s) { return s == 0 || projected; };
  extern __shared__ float memory[];
  const Shared<T, V, maps> shared(of, memory);
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
  float a[sides][V], b[sides][V];  // y = a x + b; at first scale and bias, read before all wait
  const auto read_scales = [&] {
    if (place.works)
#pragma unroll
      for (int s = 0; s < sides; ++s)
        if (used(s)) {
          read_floats<V>(of.side[s].scale + place.pack * V, a[s]);
          read_floats<V>(of.side[s].bias + place.pack * V, b[s]);
        }
  };
  Ahead<depth> rest(kept, place.rows, true,
                    of.layout.slots);  // the second pass, first the rows that are not kept
  const bool adds_up = !of.frozen && of.side[0].sums == nullptr;
  if (adds_up) {
    float shift[sides][V], sums[2 * sides][V] = {};
    const auto read = [&](int row, int slot) {
      read_x(row, slot);
      return 0u;
    };
    Ahead<depth> all(0, place.rows, false, of.layout.slots);
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
    if (place.line == 0)  // sums are made of distances from these
#pragma unroll
      for (int s = 0; s < sides; ++s)
        if (used(s)) write_floats<V>(mean_of(s) + place.lane * V, shift[s]);
    const auto side_moments = [&](int s) {
      return of.moments + (static_cast<size_t>(s) * layout.slices + blockIdx.y) * layout.parts * channels;
    };
    sum_lines<V, 2 * sides>(
        place, sums, shared.buffer, [&](unsigned channel, const float(&total)[2 * sides]) {
          const auto count = static_cast<float>(place.end - place.begin);
#pragma unroll
          for (int s = 0; s < sides; ++s) {
            if (!used(s)) continue;
            const float from = mean_of(s)[channel], away = total[2 * s] / count;
            side_moments(s)[blockIdx.x * channels + channel] =
                make_float2(from + away, fmaxf(0, fmaf(-away, total[2 * s], total[2 * s + 1])));
          }
        });
    read_scales();
    wait_for_all(of.counters + blockIdx.y, layout.parts);
    for (int s = 0; s < sides; ++s)
      if (used(s)) combine_moments<V>(of, side_moments(s), mean_of(s), mean_of(s) + channels, shared.buffer);
  } else {
    rest.start(read_all);
    read_scales();
    for (int s = 0; s < sides; ++s)
      if (used(s))
        given_moments<V>(of, of.side[s], of.moments_given && s == 0, mean_of(s), mean_of(s) + channels);
  }
  if (place.works)
#pragma unroll
    for (int s = 0; s < sides; ++s)
      if (used(s)) {
        float m[V], v[V];
        read_floats<V>(mean_of(s) + place.lane * V, m);
        read_floats<V>(mean_of(s) + channels + place.lane * V, v);
#pragma unroll
        for (int k = 0; k < V; ++k) {
          a[s][k] *= inverse_deviation(v[k], of.epsilon);
          b[s][k] -= m[k] * a[s][k];
        }
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
  Ahead<depth> again(0, kept, true, of.layout.slots);
  const auto read_less = [&](int row, int slot) {
    read_shortcut(row, slot);
    return 0u;
  };
  again.start(read_less);
  again.finish(read_less, apply);
  if (blockIdx.x == 0)
    for (int s = 0; s < sides; ++s)
      if (used(s))
        for (unsigned channel = threadIdx.x; channel < channels; channel += threads) {
          float* to = of.side[s].statistics + blockIdx.y * channels + channel;
          to[0] = mean_of(s)[channel];
          to[layout.packs * V] = mean_of(s)[channels + channel];
        }
}

}  // namespace

NormKernel forward_kernel(DType dtype, int form) {
  return kernel_for(dtype, form, [&]<typename T, int V, int f>() -> NormKernel { return forward<T, V, f>; });
}

}  // namespace dlfs::norm
