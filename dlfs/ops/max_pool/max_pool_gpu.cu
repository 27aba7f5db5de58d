#include <cstdint>

#include "dlfs/gpu/launch.h"
#include "dlfs/ops/max_pool/max_pool.h"

namespace dlfs {
namespace {

constexpr int threads = 256;

struct Windows {
  Shape x, y;
  int size, step, pad;
};

// `width` channels side by side, read and written in one access.
template <typename T, int width>
struct alignas(sizeof(T) * width) Pack {
  T at[width];
};

// One pack of y a thread: i counts packs, channels innermost.
template <int width>
__global__ void forward(Windows of, const Pack<float, width>* x, Pack<float, width>* y,
                        Pack<uint8_t, width>* winner) {
  const unsigned i = blockIdx.x * threads + threadIdx.x;
  const int packs = of.y.c / width;
  if (i >= static_cast<unsigned>(of.y.n * of.y.h * of.y.w * packs)) return;
  const int c = i % packs, column = i / packs % of.y.w, row = i / packs / of.y.w % of.y.h,
            n = i / packs / of.y.w / of.y.h;
  const int top = row * of.step - of.pad, left = column * of.step - of.pad;
  Pack<float, width> best;
  Pack<uint8_t, width> place;
  bool first = true;
  for (int r = max(0, -top); r < min(of.size, of.x.h - top); ++r)
    for (int s = max(0, -left); s < min(of.size, of.x.w - left); ++s) {
      const Pack<float, width> value = x[((n * of.x.h + top + r) * of.x.w + left + s) * packs + c];
#pragma unroll
      for (int k = 0; k < width; ++k)
        // Not at most the best: larger, or the first NaN.
        if (first || (!(value.at[k] <= best.at[k]) && best.at[k] == best.at[k])) {
          best.at[k] = value.at[k];
          place.at[k] = static_cast<uint8_t>(r * of.size + s);
        }
      first = false;
    }
  y[i] = best;
  if (winner != nullptr) winner[i] = place;
}

// One pack of d_x a thread: the windows that cover it, in the order of y.
template <int width>
__global__ void backward(Windows of, const Pack<float, width>* d_y, const Pack<uint8_t, width>* winner,
                         Pack<float, width>* d_x, bool add) {
  const unsigned i = blockIdx.x * threads + threadIdx.x;
  const int packs = of.x.c / width;
  if (i >= static_cast<unsigned>(of.x.n * of.x.h * of.x.w * packs)) return;
  const int c = i % packs, w = i / packs % of.x.w, h = i / packs / of.x.w % of.x.h,
            n = i / packs / of.x.w / of.x.h;
  // The first window whose end lies behind `at`, and the last whose start does not.
  const auto first = [&](int at) { return max(0, (at + of.pad - of.size + of.step) / of.step); };
  const auto last = [&](int at, int windows) { return min(windows - 1, (at + of.pad) / of.step); };
  Pack<float, width> sum{};
  for (int row = first(h); row <= last(h, of.y.h); ++row)
    for (int column = first(w); column <= last(w, of.y.w); ++column) {
      const int from = ((n * of.y.h + row) * of.y.w + column) * packs + c;
      const int place = (h + of.pad - row * of.step) * of.size + w + of.pad - column * of.step;
      const Pack<uint8_t, width> won = winner[from];
      const Pack<float, width> gradient = d_y[from];
#pragma unroll
      for (int k = 0; k < width; ++k)
        if (won.at[k] == place) sum.at[k] += gradient.at[k];
    }
  if (add) {
    const Pack<float, width> before = d_x[i];
#pragma unroll
    for (int k = 0; k < width; ++k) sum.at[k] += before.at[k];
  }
  d_x[i] = sum;
}

template <int width>
void launch_forward(const Windows& of, const Site& site, cudaStream_t stream) {
  forward<width><<<blocks_for(of.y.count() / width, threads), threads, 0, stream>>>(
      of, site.in[0].as<Pack<float, width>>(), site.out[0].as<Pack<float, width>>(),
      site.saved[0].as<Pack<uint8_t, width>>());
  check_launch("max_pool forward");
}

template <int width>
void launch_backward(const Windows& of, const Site& site, cudaStream_t stream) {
  backward<width><<<blocks_for(of.x.count() / width, threads), threads, 0, stream>>>(
      of, site.d_out[0].as<Pack<float, width>>(), site.saved[0].as<Pack<uint8_t, width>>(),
      site.d_in[0].to.as<Pack<float, width>>(), site.d_in[0].how == Write::add);
  check_launch("max_pool backward");
}

Windows windows(const Shape& x, const Shape& y, const MaxPoolSettings& settings) {
  return {x, y, settings.size, settings.step(), settings.pad};
}

}  // namespace

KernelPtr max_pool_forward_gpu(Device&, const Site& site, const MaxPoolSettings& settings) {
  const Windows of = windows(site.in[0].shape(), site.out[0].shape(), settings);
  return gpu_kernel([of, site](Stream stream) {
    const auto launch = of.x.c % 4 == 0 ? launch_forward<4> : launch_forward<1>;
    launch(of, site, static_cast<cudaStream_t>(stream.native));
  });
}

KernelPtr max_pool_backward_gpu(Device&, const Site& site, const MaxPoolSettings& settings) {
  const Windows of = windows(site.d_in[0].to.shape(), site.d_out[0].shape(), settings);
  return gpu_kernel([of, site](Stream stream) {
    const auto launch = of.x.c % 4 == 0 ? launch_backward<4> : launch_backward<1>;
    launch(of, site, static_cast<cudaStream_t>(stream.native));
  });
}

}  // namespace dlfs
