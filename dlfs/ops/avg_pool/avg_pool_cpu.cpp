#include <algorithm>
#include <array>

#include "dlfs/cpu/number.h"
#include "dlfs/ops/avg_pool/avg_pool.h"
#include "dlfs/ops/windows.h"

namespace dlfs {
namespace {

constexpr int block = 64;  // channels at once, in registers and the nearest cache

template <typename T>
class Forward : public Kernel {
 public:
  Forward(const Site& site, const AvgPoolSettings& settings)
      : settings_(settings),
        windows_(windows_over(site.in[0].shape(), settings)),
        x_(site.in[0].as<T>()),
        y_(site.out[0].as<T>()) {}

  void run(Stream) override {
    for (int n = 0; n < windows_.x.n; ++n)
      windows_.each(n, [&](int64_t corner, Windows::Range rows, Windows::Range columns, int64_t output) {
        for (int from = 0; from < windows_.x.c; from += block)
          pool(x_ + n * windows_.image() + corner + from, rows, columns, y_ + output + from,
               std::min(block, windows_.x.c - from));
      });
  }

 private:
  // One window, at most `block` channels.
  void pool(const T* corner, Windows::Range rows, Windows::Range columns, T* y, int channels) const {
    std::array<float, block> mean{};
    for (int row = rows.first; row < rows.last; ++row)
      for (int column = columns.first; column < columns.last; ++column) {
        const T* const values = corner + (int64_t{row} * windows_.x.w + column) * windows_.x.c;
        for (int c = 0; c < channels; ++c) mean[c] += static_cast<float>(values[c]);
      }
    const float share = settings_.share(rows.last - rows.first, columns.last - columns.first);
    for (int c = 0; c < channels; ++c) y[c] = static_cast<T>(mean[c] * share);
  }

  AvgPoolSettings settings_;
  Windows windows_;
  const T* x_;
  T* y_;
};

template <typename T>
class Backward : public Kernel {
 public:
  Backward(const Site& site, const AvgPoolSettings& settings)
      : settings_(settings),
        windows_(windows_over(site.d_in[0].to.shape(), settings)),
        d_y_(site.d_out[0].as<T>()),
        d_x_(site.d_in[0].to, site.d_in[0].how == Write::add) {}

  void run(Stream) override {
    const int channels = windows_.x.c;
    for (int n = 0; n < windows_.x.n; ++n) {
      float* const image = d_x_.begin(n);
      windows_.each(n, [&](int64_t corner, Windows::Range rows, Windows::Range columns, int64_t output) {
        const T* __restrict const gradients = d_y_ + output;
        const float share = settings_.share(rows.last - rows.first, columns.last - columns.first);
        for (int row = rows.first; row < rows.last; ++row)
          for (int column = columns.first; column < columns.last; ++column) {
            float* __restrict const to = image + corner + (int64_t{row} * windows_.x.w + column) * channels;
            for (int c = 0; c < channels; ++c) to[c] += share * static_cast<float>(gradients[c]);
          }
      });
      d_x_.end(n);
    }
  }

 private:
  AvgPoolSettings settings_;
  Windows windows_;
  const T* d_y_;
  ImageSums<T> d_x_;
};

}  // namespace

KernelPtr avg_pool_forward_cpu(Device&, const Site& site, const AvgPoolSettings& settings) {
  return for_type(site.in[0].spec.dtype,
                  [&]<typename T>() -> KernelPtr { return std::make_unique<Forward<T>>(site, settings); });
}

KernelPtr avg_pool_backward_cpu(Device&, const Site& site, const AvgPoolSettings& settings) {
  return for_type(site.d_out[0].spec.dtype,
                  [&]<typename T>() -> KernelPtr { return std::make_unique<Backward<T>>(site, settings); });
}

}  // namespace dlfs
