#include <algorithm>

#include "dlfs/ops/avg_pool/avg_pool.h"
#include "dlfs/ops/windows.h"

namespace dlfs {
namespace {

class Forward : public Kernel {
 public:
  Forward(const Site& site, const AvgPoolSettings& settings)
      : settings_(settings),
        windows_(windows_over(site.in[0].shape(), settings)),
        x_(site.in[0].as<float>()),
        y_(site.out[0].as<float>()) {}

  void run(Stream) override {
    const int channels = windows_.x.c;
    windows_.each([&](int64_t corner, Windows::Range rows, Windows::Range columns, int64_t output) {
      float* __restrict const mean = y_ + output;
      std::fill_n(mean, channels, 0.0F);
      for (int row = rows.first; row < rows.last; ++row)
        for (int column = columns.first; column < columns.last; ++column) {
          const float* __restrict const values =
              x_ + corner + (int64_t{row} * windows_.x.w + column) * channels;
          for (int c = 0; c < channels; ++c) mean[c] += values[c];
        }
      const float share = settings_.share(rows.last - rows.first, columns.last - columns.first);
      for (int c = 0; c < channels; ++c) mean[c] *= share;
    });
  }

 private:
  AvgPoolSettings settings_;
  Windows windows_;
  const float* x_;
  float* y_;
};

class Backward : public Kernel {
 public:
  Backward(const Site& site, const AvgPoolSettings& settings)
      : settings_(settings),
        windows_(windows_over(site.d_in[0].to.shape(), settings)),
        d_y_(site.d_out[0].as<float>()),
        d_x_(site.d_in[0].to.as<float>()),
        set_(site.d_in[0].how == Write::set) {}

  void run(Stream) override {
    const int channels = windows_.x.c;
    if (set_) std::fill_n(d_x_, windows_.x.count(), 0.0F);
    windows_.each([&](int64_t corner, Windows::Range rows, Windows::Range columns, int64_t output) {
      const float* __restrict const gradients = d_y_ + output;
      const float share = settings_.share(rows.last - rows.first, columns.last - columns.first);
      for (int row = rows.first; row < rows.last; ++row)
        for (int column = columns.first; column < columns.last; ++column) {
          float* __restrict const to = d_x_ + corner + (int64_t{row} * windows_.x.w + column) * channels;
          for (int c = 0; c < channels; ++c) to[c] += share * gradients[c];
        }
    });
  }

 private:
  AvgPoolSettings settings_;
  Windows windows_;
  const float* d_y_;
  float* d_x_;
  bool set_;
};

}  // namespace

KernelPtr avg_pool_forward_cpu(Device&, const Site& site, const AvgPoolSettings& settings) {
  return std::make_unique<Forward>(site, settings);
}

KernelPtr avg_pool_backward_cpu(Device&, const Site& site, const AvgPoolSettings& settings) {
  return std::make_unique<Backward>(site, settings);
}

}  // namespace dlfs
