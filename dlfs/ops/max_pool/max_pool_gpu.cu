#include <cstdint>

#include "dlfs/gpu/divisor.h"
#include "dlfs/gpu/launch.h"
#include "dlfs/ops/max_pool/max_pool.h"

namespace dlfs {
namespace {

constexpr int threads = 256;

struct Windows {
  Shape x, y;
  int size, step, pad;
  bool relu;
  Divisor packs, x_width, x_height, y_width, y_height, by_step;
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
  const int packs = of.packs.by;
  if (i >= static_cast<unsigned>(of.y.n * of.y.h * of.y.w * packs)) return;
  unsigned c, column, row;
  const int n = of.y_height.split(of.y_width.split(of.packs.split(i, c), column), row);
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
  if (of.relu)
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
__global__ void backward(Windows of, const Pack<float, width>* d_y, const Pack<uint8_t, width>* winner,
                         Pack<float, width>* d_x, bool add) {
  const unsigned i = blockIdx.x * threads + threadIdx.x;
  const int packs = of.packs.by;
  if (i >= static_cast<unsigned>(of.x.n * of.x.h * of.x.w * packs)) return;
  unsigned c, w, h;
  const int n = of.x_height.split(of.x_width.split(of.packs.split(i, c), w), h);
  // The first window whose end lies behind `at`, and the last whose start does not.
  const auto first = [&](int at) {
    return static_cast<int>(of.by_step.divide(max(0, at + of.pad - of.size + of.step)));
  };
  const auto last = [&](int at, int windows) {
    return min(windows - 1, static_cast<int>(of.by_step.divide(at + of.pad)));
  };
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
Windows windows(const Shape& x, const Shape& y, const MaxPoolSettings& settings) {
  return {.x = x,
          .y = y,
          .size = settings.size,
          .step = settings.step(),
          .pad = settings.pad,
          .relu = settings.relu,
          .packs = Divisor(x.c / width),
          .x_width = Divisor(x.w),
          .x_height = Divisor(x.h),
          .y_width = Divisor(y.w),
          .y_height = Divisor(y.h),
          .by_step = Divisor(settings.step())};
}

template <int width>
KernelPtr forward_kernel(const Site& site, const MaxPoolSettings& settings) {
  const Windows of = windows<width>(site.in[0].shape(), site.out[0].shape(), settings);
  return gpu_kernel([of, site](Stream stream) {
    forward<width>
        <<<blocks_for(of.y.count() / width, threads), threads, 0, static_cast<cudaStream_t>(stream.native)>>>(
            of, site.in[0].as<Pack<float, width>>(), site.out[0].as<Pack<float, width>>(),
            site.saved[0].as<Pack<uint8_t, width>>());
    check_launch("max_pool forward");
  });
}

template <int width>
KernelPtr backward_kernel(const Site& site, const MaxPoolSettings& settings) {
  const Windows of = windows<width>(site.d_in[0].to.shape(), site.d_out[0].shape(), settings);
  return gpu_kernel([of, site](Stream stream) {
    backward<width>
        <<<blocks_for(of.x.count() / width, threads), threads, 0, static_cast<cudaStream_t>(stream.native)>>>(
            of, site.d_out[0].as<Pack<float, width>>(), site.saved[0].as<Pack<uint8_t, width>>(),
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
