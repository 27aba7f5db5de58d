#include <algorithm>
#include <array>
#include <vector>

#include "dlfs/ops/max_pool/max_pool.h"
#include "dlfs/ops/windows.h"

namespace dlfs {
namespace {

constexpr int block = 64;  // channels that are compared at once, in registers and the nearest cache

class Forward : public Kernel {
 public:
  Forward(const Site& site, const MaxPoolSettings& settings)
      : windows_(windows_over(site.in[0].shape(), settings)),
        x_(site.in[0].as<float>()),
        y_(site.out[0].as<float>()),
        winner_(site.saved[0].as<uint8_t>()),
        relu_(settings.relu) {}

  void run(Stream) override {
    windows_.each([this](int64_t corner, Windows::Range rows, Windows::Range columns, int64_t output) {
      for (int from = 0; from < windows_.x.c; from += block)
        pool(x_ + corner + from, rows, columns, output + from, std::min(block, windows_.x.c - from));
    });
  }

 private:
  // One window, at most `block` channels. A NaN is taken, since NaN <= held is false, and then stays, since NaN == NaN
  // is false too.
  void pool(const float* corner, Windows::Range rows, Windows::Range columns, int64_t output, int channels) {
    std::array<float, block> best;
    std::array<int32_t, block> place;
    const auto at = [&](int row, int column) {
      return corner + (int64_t{row} * windows_.x.w + column) * windows_.x.c;
    };
    std::copy_n(at(rows.first, columns.first), channels, best.begin());
    std::fill_n(place.begin(), channels, rows.first * windows_.size + columns.first);
    for (int row = rows.first; row < rows.last; ++row)
      for (int column = columns.first; column < columns.last; ++column) {
        const float* const values = at(row, column);
        const int32_t here = row * windows_.size + column;
        for (int c = 0; c < channels; ++c) {
          const float value = values[c], held = best[c];
          const bool wins = !(value <= held) && held == held;
          best[c] = wins ? value : held;
          place[c] = wins ? here : place[c];
        }
      }
    if (relu_)
      for (int c = 0; c < channels; ++c) {
        const bool closed = best[c] <= 0;
        best[c] = closed ? 0 : best[c];
        place[c] = closed ? no_winner : place[c];
      }
    std::copy_n(best.begin(), channels, y_ + output);
    if (winner_ == nullptr) return;
    uint8_t* __restrict const winners = winner_ + output;
    for (int c = 0; c < channels; ++c) winners[c] = static_cast<uint8_t>(place[c]);
  }

  Windows windows_;
  const float* x_;
  float* y_;
  uint8_t* winner_;
  bool relu_;
};

class Backward : public Kernel {
 public:
  Backward(const Site& site, const MaxPoolSettings& settings)
      : windows_(windows_over(site.d_in[0].to.shape(), settings)),
        d_y_(site.d_out[0].as<float>()),
        winner_(site.saved[0].as<uint8_t>()),
        d_x_(site.d_in[0].to.as<float>()),
        set_(site.d_in[0].how == Write::set) {
    for (int row = 0; row < settings.size; ++row)
      for (int column = 0; column < settings.size; ++column)
        offsets_.push_back((int64_t{row} * windows_.x.w + column) * windows_.x.c);
  }

  void run(Stream) override {
    if (set_) std::fill_n(d_x_, windows_.x.count(), 0.0F);
    windows_.each([this](int64_t corner, Windows::Range, Windows::Range, int64_t output) {
      float* const first = d_x_ + corner;
      for (int c = 0; c < windows_.y.c; ++c)
        if (const uint8_t winner = winner_[output + c]; winner != no_winner)
          first[offsets_[winner] + c] += d_y_[output + c];
    });
  }

 private:
  Windows windows_;
  const float* d_y_;
  const uint8_t* winner_;
  float* d_x_;
  bool set_;
  std::vector<int64_t> offsets_;  // by place in the window: from its corner
};

}  // namespace

KernelPtr max_pool_forward_cpu(Device&, const Site& site, const MaxPoolSettings& settings) {
  return std::make_unique<Forward>(site, settings);
}

KernelPtr max_pool_backward_cpu(Device&, const Site& site, const MaxPoolSettings& settings) {
  return std::make_unique<Backward>(site, settings);
}

}  // namespace dlfs
