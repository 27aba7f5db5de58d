#include <algorithm>
#include <array>
#include <vector>

#include "dlfs/cpu/number.h"
#include "dlfs/ops/max_pool/max_pool.h"
#include "dlfs/ops/windows.h"

namespace dlfs {
namespace {

constexpr int block = 64;  // channels that are compared at once, in registers and the nearest cache

template <typename T>
class Forward : public Kernel {
 public:
  Forward(const Site& site, const MaxPoolSettings& settings)
      : windows_(windows_over(site.in[0].shape(), settings)),
        x_(site.in[0].as<T>()),
        y_(site.out[0].as<T>()),
        winner_(site.saved[0].as<uint8_t>()),
        bias_(site.in.size() > 1 ? site.in[1].as<float>() : nullptr),
        relu_(settings.relu) {}

  void run(Stream) override {
    for (int n = 0; n < windows_.x.n; ++n)
      windows_.each(n, [&](int64_t corner, Windows::Range rows, Windows::Range columns, int64_t output) {
        for (int from = 0; from < windows_.x.c; from += block)
          pool(x_ + n * windows_.image() + corner + from, bias_ == nullptr ? nullptr : bias_ + from, rows,
               columns, output + from, std::min(block, windows_.x.c - from));
      });
  }

 private:
  // One window, at most `block` channels. A NaN is taken, since NaN <= held is false, and then stays, since NaN == NaN
  // is false too.
  void pool(const T* corner, const float* bias, Windows::Range rows, Windows::Range columns, int64_t output,
            int channels) {
    std::array<float, block> best;
    std::array<int32_t, block> place;
    const auto at = [&](int row, int column) {
      return corner + (int64_t{row} * windows_.x.w + column) * windows_.x.c;
    };
    const T* const first = at(rows.first, columns.first);
    for (int c = 0; c < channels; ++c) best[c] = static_cast<float>(first[c]);
    std::fill_n(place.begin(), channels, rows.first * windows_.size + columns.first);
    for (int row = rows.first; row < rows.last; ++row)
      for (int column = columns.first; column < columns.last; ++column) {
        const T* const values = at(row, column);
        const int32_t here = row * windows_.size + column;
        for (int c = 0; c < channels; ++c) {
          const float value = static_cast<float>(values[c]), held = best[c];
          const bool wins = !(value <= held) && held == held;
          best[c] = wins ? value : held;
          place[c] = wins ? here : place[c];
        }
      }
    if (bias != nullptr)
      for (int c = 0; c < channels; ++c) best[c] += bias[c];
    if (relu_)
      for (int c = 0; c < channels; ++c) {
        const bool closed = best[c] <= 0;
        best[c] = closed ? 0 : best[c];
        place[c] = closed ? no_winner : place[c];
      }
    put(best.data(), channels, y_ + output);
    if (winner_ == nullptr) return;
    uint8_t* __restrict const winners = winner_ + output;
    for (int c = 0; c < channels; ++c) winners[c] = static_cast<uint8_t>(place[c]);
  }

  Windows windows_;
  const T* x_;
  T* y_;
  uint8_t* winner_;
  const float* bias_;
  bool relu_;
};

template <typename T>
class Backward : public Kernel {
 public:
  Backward(const Site& site, const MaxPoolSettings& settings)
      : windows_(windows_over(site.d_in[0].to.shape(), settings)),
        d_y_(site.d_out[0].as<T>()),
        winner_(site.saved[0].as<uint8_t>()),
        d_x_(site.d_in[0].to, site.d_in[0].how == Write::add) {
    for (int row = 0; row < settings.size; ++row)
      for (int column = 0; column < settings.size; ++column)
        offsets_.push_back((int64_t{row} * windows_.x.w + column) * windows_.x.c);
  }

  void run(Stream) override {
    for (int n = 0; n < windows_.x.n; ++n) {
      float* const image = d_x_.begin(n);
      windows_.each(n, [&](int64_t corner, Windows::Range, Windows::Range, int64_t output) {
        float* const first = image + corner;
        for (int c = 0; c < windows_.y.c; ++c)
          if (const uint8_t winner = winner_[output + c]; winner != no_winner)
            first[offsets_[winner] + c] += static_cast<float>(d_y_[output + c]);
      });
      d_x_.end(n);
    }
  }

 private:
  Windows windows_;
  const T* d_y_;
  const uint8_t* winner_;
  ImageSums<T> d_x_;
  std::vector<int64_t> offsets_;  // by place in the window: from its corner
};

}  // namespace

KernelPtr max_pool_forward_cpu(Device&, const Site& site, const MaxPoolSettings& settings) {
  return for_type(site.in[0].spec.dtype,
                  [&]<typename T>() -> KernelPtr { return std::make_unique<Forward<T>>(site, settings); });
}

KernelPtr max_pool_backward_cpu(Device&, const Site& site, const MaxPoolSettings& settings) {
  return for_type(site.d_out[0].spec.dtype,
                  [&]<typename T>() -> KernelPtr { return std::make_unique<Backward<T>>(site, settings); });
}

}  // namespace dlfs
