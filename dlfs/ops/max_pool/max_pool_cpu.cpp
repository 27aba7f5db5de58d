#include <algorithm>
#include <array>
#include <vector>

#include "dlfs/cpu/kernel.h"
#include "dlfs/cpu/number.h"
#include "dlfs/ops/max_pool/max_pool.h"
#include "dlfs/ops/windows.h"

namespace dlfs {
namespace {

using Range = Windows::Range;

constexpr int block = 64;  // channels that are compared at once, in registers and the nearest cache

// The largest number of each channel, and where in the window it stands.
struct Winners {
  std::array<float, block> best;
  std::array<int32_t, block> place;
};

// Of one window that begins at `corner`. A NaN is taken, since NaN <= held is false, and then stays, since NaN == NaN is
// false too.
template <typename T>
void find(const Windows& windows, const T* corner, Range rows, Range columns, int channels,
          Winners& winners) {
  auto& [best, place] = winners;
  const auto at = [&](int row, int column) {
    return corner + (int64_t{row} * windows.x.w + column) * windows.x.c;
  };
  const T* const first = at(rows.first, columns.first);
  for (int c = 0; c < channels; ++c) best[c] = static_cast<float>(first[c]);
  std::fill_n(place.begin(), channels, rows.first * windows.size + columns.first);
  for (int row = rows.first; row < rows.last; ++row)
    for (int column = columns.first; column < columns.last; ++column) {
      const T* const values = at(row, column);
      const int32_t here = row * windows.size + column;
      for (int c = 0; c < channels; ++c) {
        const float value = static_cast<float>(values[c]), held = best[c];
        const bool wins = !(value <= held) && held == held;
        best[c] = wins ? value : held;
        place[c] = wins ? here : place[c];
      }
    }
}

void rectify(Winners& winners, int channels) {
  auto& [best, place] = winners;
  for (int c = 0; c < channels; ++c) {
    const bool closed = best[c] <= 0;
    best[c] = closed ? 0 : best[c];
    place[c] = closed ? no_winner : place[c];
  }
}

template <typename T>
void pool(const Site& site, const MaxPoolSettings& settings) {
  const Windows windows = windows_over(site.in[0].shape(), settings);
  const float* const bias = site.in.size() > 1 ? site.in[1].as<float>() : nullptr;
  uint8_t* __restrict const saved = site.saved[0].as<uint8_t>();
  T* const y = site.out[0].as<T>();
  Winners winners;
  for (int n = 0; n < windows.x.n; ++n)
    windows.each(n, [&](int64_t corner, Range rows, Range columns, int64_t output) {
      const T* const window = site.in[0].as<T>() + n * windows.image() + corner;
      for (int from = 0; from < windows.x.c; from += block) {
        const int channels = std::min(block, windows.x.c - from);
        find(windows, window + from, rows, columns, channels, winners);
        if (bias != nullptr)
          for (int c = 0; c < channels; ++c) winners.best[c] += bias[from + c];
        if (settings.relu) rectify(winners, channels);
        put(winners.best.data(), channels, y + output + from);
        if (saved != nullptr)
          for (int c = 0; c < channels; ++c)
            saved[output + from + c] = static_cast<uint8_t>(winners.place[c]);
      }
    });
}

// `offsets`: of the places in a window, from its corner.
template <typename T>
void scatter(const Site& site, const Windows& windows, const std::vector<int64_t>& offsets,
             ImageSums<T>& d_x) {
  const T* const d_y = site.d_out[0].as<T>();
  const uint8_t* const winners = site.saved[0].as<uint8_t>();
  for (int n = 0; n < windows.x.n; ++n) {
    float* const image = d_x.begin(n);
    windows.each(n, [&](int64_t corner, Range, Range, int64_t output) {
      float* const first = image + corner;
      for (int c = 0; c < windows.y.c; ++c)
        if (const uint8_t winner = winners[output + c]; winner != no_winner)
          first[offsets[winner] + c] += static_cast<float>(d_y[output + c]);
    });
    d_x.end(n);
  }
}

}  // namespace

KernelPtr max_pool_forward_cpu(Device&, const Site& site, const MaxPoolSettings& settings) {
  return cpu_kernel(site.in[0].spec.dtype, [=]<typename T>() { pool<T>(site, settings); });
}

KernelPtr max_pool_backward_cpu(Device&, const Site& site, const MaxPoolSettings& settings) {
  const Grad& to = site.d_in[0];
  const Windows windows = windows_over(to.to.shape(), settings);
  std::vector<int64_t> offsets;
  for (int row = 0; row < settings.size; ++row)
    for (int column = 0; column < settings.size; ++column)
      offsets.push_back((int64_t{row} * windows.x.w + column) * windows.x.c);
  return for_type(site.d_out[0].spec.dtype, [&]<typename T>() {
    return cpu_kernel([=, d_x = ImageSums<T>(to.to, to.how == Write::add)]() mutable {
      scatter(site, windows, offsets, d_x);
    });
  });
}

}  // namespace dlfs
