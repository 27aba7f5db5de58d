#include <algorithm>
#include <array>

#include "dlfs/cpu/kernel.h"
#include "dlfs/cpu/number.h"
#include "dlfs/ops/avg_pool/avg_pool.h"
#include "dlfs/ops/windows.h"

namespace dlfs {
namespace {

using Range = Windows::Range;

constexpr int block = 64;  // channels at once, in registers and the nearest cache

float share_of(const AvgPoolSettings& settings, Range rows, Range columns) {
  return settings.share(rows.last - rows.first, columns.last - columns.first);
}

template <typename T>
void average(const Site& site, const AvgPoolSettings& settings) {
  const Windows windows = windows_over(site.in[0].shape(), settings);
  const int all = windows.x.c;
  T* const y = site.out[0].as<T>();
  for (int n = 0; n < windows.x.n; ++n) {
    const T* const image = site.in[0].as<T>() + n * windows.image();
    windows.each(n, [&](int64_t corner, Range rows, Range columns, int64_t output) {
      const float share = share_of(settings, rows, columns);
      for (int from = 0; from < all; from += block) {
        const int channels = std::min(block, all - from);
        std::array<float, block> sum{};
        for (int row = rows.first; row < rows.last; ++row)
          for (int column = columns.first; column < columns.last; ++column) {
            const T* const values = image + corner + (int64_t{row} * windows.x.w + column) * all + from;
            for (int c = 0; c < channels; ++c) sum[c] += static_cast<float>(values[c]);
          }
        for (int c = 0; c < channels; ++c) y[output + from + c] = static_cast<T>(sum[c] * share);
      }
    });
  }
}

template <typename T>
void share_out(const Tensor& d_y, const Windows& windows, const AvgPoolSettings& settings,
               ImageSums<T>& d_x) {
  const int channels = windows.x.c;
  for (int n = 0; n < windows.x.n; ++n) {
    float* const image = d_x.begin(n);
    windows.each(n, [&](int64_t corner, Range rows, Range columns, int64_t output) {
      const T* __restrict const gradients = d_y.as<T>() + output;
      const float share = share_of(settings, rows, columns);
      for (int row = rows.first; row < rows.last; ++row)
        for (int column = columns.first; column < columns.last; ++column) {
          float* __restrict const to = image + corner + (int64_t{row} * windows.x.w + column) * channels;
          for (int c = 0; c < channels; ++c) to[c] += share * static_cast<float>(gradients[c]);
        }
    });
    d_x.end(n);
  }
}

}  // namespace

KernelPtr avg_pool_forward_cpu(Device&, const Site& site, const AvgPoolSettings& settings) {
  return cpu_kernel(site.in[0].spec.dtype, [=]<typename T>() { average<T>(site, settings); });
}

KernelPtr avg_pool_backward_cpu(Device&, const Site& site, const AvgPoolSettings& settings) {
  const Grad& to = site.d_in[0];
  const Windows windows = windows_over(to.to.shape(), settings);
  return for_type(site.d_out[0].spec.dtype, [&]<typename T>() {
    return cpu_kernel(
        [windows, settings, d_y = site.d_out[0], d_x = ImageSums<T>(to.to, to.how == Write::add)]() mutable {
          share_out(d_y, windows, settings, d_x);
        });
  });
}

}  // namespace dlfs
