#include <cstdint>

#include "dlfs/gpu/launch.h"
#include "dlfs/gpu/pack.h"
#include "dlfs/ops/max_pool/max_pool.h"
#include "dlfs/ops/windows.h"

namespace dlfs {
namespace {

constexpr int threads = 256;

// One pack of y a thread: i counts packs, channels innermost.
template <int width>
__global__ void forward(Windows of, Places places, bool relu, const Pack<float, width>* x,
                        Pack<float, width>* y, Pack<uint8_t, width>* winner) {
  const unsigned i = blockIdx.x * threads + threadIdx.x;
  if (i >= places.count) return;
  const Place to = places.at(i);
  const int packs = places.packs.by;
  const int top = to.h * of.step - of.pad, left = to.w * of.step - of.pad;
  const Windows::Range rows = of.inside(top, of.x.h), columns = of.inside(left, of.x.w);
  Pack<float, width> best;
  Pack<uint8_t, width> place;
  bool first = true;
  for (int r = rows.first; r < rows.last; ++r)
    for (int s = columns.first; s < columns.last; ++s) {
      const Pack<float, width> value = x[((to.n * of.x.h + top + r) * of.x.w + left + s) * packs + to.c];
#pragma unroll
      for (int k = 0; k < width; ++k)
        // Not at most the best: larger, or the first NaN.
        if (first || (!(value.at[k] <= best.at[k]) && best.at[k] == best.at[k])) {
          best.at[k] = value.at[k];
          place.at[k] = static_cast<uint8_t>(r * of.size + s);
        }
      first = false;
    }
  if (relu)
#pragma unroll
    for (int k = 0; k < width; ++k)
      if (best.at[k] <= 0) {
        best.at[k] = 0;
        place.at[k] = no_winner;
      }
  y[i] = best;
  if (winner != nullptr) winner[i] = place;
}

// One pack of d_x a thread: the windows that cover it, in the order of y.
template <int width>
__global__ void backward(Windows of, Places places, const Pack<float, width>* d_y,
                         const Pack<uint8_t, width>* winner, Pack<float, width>* d_x, bool add) {
  const unsigned i = blockIdx.x * threads + threadIdx.x;
  if (i >= places.count) return;
  const Place to = places.at(i);
  const int packs = places.packs.by;
  const Windows::Range rows = of.seeing(to.h, of.y.h), columns = of.seeing(to.w, of.y.w);
  Pack<float, width> sum{};
  for (int row = rows.first; row < rows.last; ++row)
    for (int column = columns.first; column < columns.last; ++column) {
      const int from = ((to.n * of.y.h + row) * of.y.w + column) * packs + to.c;
      const int place = (to.h + of.pad - row * of.step) * of.size + to.w + of.pad - column * of.step;
      const Pack<uint8_t, width> won = winner[from];
      const Pack<float, width> gradient = d_y[from];
#pragma unroll
      for (int k = 0; k < width; ++k)
        if (won.at[k] == place) sum.at[k] += gradient.at[k];
    }
  if (add) accumulate(sum, d_x[i]);
  d_x[i] = sum;
}

template <int width>
KernelPtr forward_kernel(const Site& site, const MaxPoolSettings& settings) {
  const Windows of = windows_over(site.in[0].shape(), settings);
  const Places places(of.y, width);
  return gpu_kernel([of, places, site, relu = settings.relu](Stream stream) {
    forward<width>
        <<<blocks_for(places.count, threads), threads, 0, static_cast<cudaStream_t>(stream.native)>>>(
            of, places, relu, site.in[0].as<Pack<float, width>>(), site.out[0].as<Pack<float, width>>(),
            site.saved[0].as<Pack<uint8_t, width>>());
    check_launch("max_pool forward");
  });
}

template <int width>
KernelPtr backward_kernel(const Site& site, const MaxPoolSettings& settings) {
  const Windows of = windows_over(site.d_in[0].to.shape(), settings);
  const Places places(of.x, width);
  return gpu_kernel([of, places, site](Stream stream) {
    backward<width>
        <<<blocks_for(places.count, threads), threads, 0, static_cast<cudaStream_t>(stream.native)>>>(
            of, places, site.d_out[0].as<Pack<float, width>>(), site.saved[0].as<Pack<uint8_t, width>>(),
            site.d_in[0].to.as<Pack<float, width>>(), site.d_in[0].how == Write::add);
    check_launch("max_pool backward");
  });
}

}  // namespace

KernelPtr max_pool_forward_gpu(Device&, const Site& site, const MaxPoolSettings& settings) {
  const int channels = site.in[0].shape().c;
  const auto make = channels % 4 == 0   ? forward_kernel<4>
                    : channels % 2 == 0 ? forward_kernel<2>
                                        : forward_kernel<1>;
  return make(site, settings);
}

KernelPtr max_pool_backward_gpu(Device&, const Site& site, const MaxPoolSettings& settings) {
  const int channels = site.d_out[0].shape().c;
  const auto make = channels % 4 == 0   ? backward_kernel<4>
                    : channels % 2 == 0 ? backward_kernel<2>
                                        : backward_kernel<1>;
  return make(site, settings);
}

}  // namespace dlfs
