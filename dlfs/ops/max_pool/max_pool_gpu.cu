#include <cmath>
#include <cstdint>

#include "dlfs/gpu/launch.h"
#include "dlfs/gpu/number.cuh"
#include "dlfs/ops/max_pool/max_pool.h"
#include "dlfs/ops/windows.h"

namespace dlfs {
namespace {

constexpr int threads = 256;
constexpr int most = 3;  // rows and columns of a window that are read before any of a row is compared

// One pack of y a thread: i counts packs, channels innermost.
template <typename T, int width>
__global__ void forward(Windows of, Places places, bool relu, const T* x, const float* bias, T* y,
                        uint8_t* winner) {
  const unsigned i = blockIdx.x * threads + threadIdx.x;
  if (i >= places.count) return;
  const Place to = places.at(i);
  const int packs = places.packs.by;
  const int top = to.h * of.step - of.pad, left = to.w * of.step - of.pad;
  const Windows::Range rows = of.inside(top, of.x.h), columns = of.inside(left, of.x.w);
  const int first = rows.first * of.size + columns.first;
  Pack<float, width> best;
  int place[width];
#pragma unroll
  for (int k = 0; k < width; ++k) {
    best.at[k] = -INFINITY;
    place[k] = first;
  }
  for (int r = rows.first; r < rows.last; ++r) {
    const T* line = x + (((to.n * of.x.h + top + r) * of.x.w + left) * packs + to.c) * width;
    for (int from = columns.first; from < columns.last; from += most) {
      Pack<float, width> values[most];
#pragma unroll
      for (int j = 0; j < most; ++j)
        if (from + j < columns.last) values[j] = load<width>(line + (from + j) * packs * width);
#pragma unroll
      for (int j = 0; j < most; ++j) {
        const bool inside = from + j < columns.last;
#pragma unroll
        for (int k = 0; k < width; ++k)
          // Not at most the best: larger, or the first NaN.
          if (inside && !(values[j].at[k] <= best.at[k]) && best.at[k] == best.at[k]) {
            best.at[k] = values[j].at[k];
            place[k] = r * of.size + from + j;
          }
      }
    }
  }
  if (bias != nullptr) accumulate(best, reinterpret_cast<const Pack<float, width>*>(bias)[to.c]);
  Pack<uint8_t, width> won;
#pragma unroll
  for (int k = 0; k < width; ++k) {
    const bool closed = relu && best.at[k] <= 0;
    if (closed) best.at[k] = 0;
    won.at[k] = static_cast<uint8_t>(closed ? no_winner : place[k]);
  }
  store(y + i * width, best);
  if (winner != nullptr) reinterpret_cast<Pack<uint8_t, width>*>(winner)[i] = won;
}

// One pack of d_x a thread: the windows that cover it, in the order of y; two of a row are read before any is added.
template <typename T, int width>
__global__ void backward(Windows of, Places places, const T* d_y, const uint8_t* winner, T* d_x, bool add) {
  const unsigned i = blockIdx.x * threads + threadIdx.x;
  if (i >= places.count) return;
  const Place to = places.at(i);
  const int packs = places.packs.by;
  const Windows::Range rows = of.seeing(to.h, of.y.h), columns = of.seeing(to.w, of.y.w);
  const auto* winners = reinterpret_cast<const Pack<uint8_t, width>*>(winner);
  Pack<float, width> sum{};
  for (int row = rows.first; row < rows.last; ++row)
    for (int column = columns.first; column < columns.last; column += 2) {
      const int from = ((to.n * of.y.h + row) * of.y.w + column) * packs + to.c;
      const int place = (to.h + of.pad - row * of.step) * of.size + to.w + of.pad - column * of.step;
      const bool both = column + 1 < columns.last;
      Pack<uint8_t, width> won[2] = {winners[from]};
      Pack<float, width> gradients[2] = {load<width>(d_y + from * width)};
      if (both) {
        won[1] = winners[from + packs];
        gradients[1] = load<width>(d_y + (from + packs) * width);
      }
#pragma unroll
      for (int k = 0; k < width; ++k) {
        if (won[0].at[k] == place) sum.at[k] += gradients[0].at[k];
        if (both && won[1].at[k] == place - of.step) sum.at[k] += gradients[1].at[k];
      }
    }
  store(d_x + i * width, sum, add);
}

// The same for windows of 3x3 two apart over an even map that is padded by one, as in ResNet: a thread takes the 2x2 pixels
// that begin at a window's middle, which four windows cover, so that each of these is read four times and not nine.
template <typename T, int width>
__global__ void backward_cells(Windows of, Places places, const T* d_y, const uint8_t* winner, T* d_x,
                               bool add) {
  const unsigned i = blockIdx.x * threads + threadIdx.x;
  if (i >= places.count) return;
  const Place to = places.at(i);
  const int packs = places.packs.by;
  Pack<float, width> sums[2][2]{};
#pragma unroll
  for (int a = 0; a < 2; ++a)
#pragma unroll
    for (int b = 0; b < 2; ++b) {
      if (to.h + a >= of.y.h || to.w + b >= of.y.w) continue;
      const unsigned from = i + static_cast<unsigned>((a * of.y.w + b) * packs);
      const auto won = reinterpret_cast<const Pack<uint8_t, width>*>(winner)[from];
      const Pack<float, width> gradient = load<width>(d_y + from * width);
#pragma unroll
      for (int y = a; y < 2; ++y)
#pragma unroll
        for (int x = b; x < 2; ++x)
#pragma unroll
          for (int k = 0; k < width; ++k)
            if (won.at[k] == (y + 1 - 2 * a) * 3 + x + 1 - 2 * b) sums[y][x].at[k] += gradient.at[k];
    }
#pragma unroll
  for (int y = 0; y < 2; ++y)
#pragma unroll
    for (int x = 0; x < 2; ++x) {
      const int at = ((to.n * of.x.h + 2 * to.h + y) * of.x.w + 2 * to.w + x) * packs + to.c;
      store(d_x + at * width, sums[y][x], add);
    }
}

template <typename T, int width>
KernelPtr forward_kernel(const Site& site, const MaxPoolSettings& settings) {
  const Windows of = windows_over(site.in[0].shape(), settings);
  const Places places(of.y, width);
  return gpu_kernel([of, places, site, relu = settings.relu](Stream stream) {
    forward<T, width>
        <<<blocks_for(places.count, threads), threads, 0, static_cast<cudaStream_t>(stream.native)>>>(
            of, places, relu, site.in[0].as<T>(), site.in.size() > 1 ? site.in[1].as<float>() : nullptr,
            site.out[0].as<T>(), site.saved[0].as<uint8_t>());
    check_launch("max_pool forward");
  });
}

template <typename T, int width>
KernelPtr backward_kernel(const Site& site, const MaxPoolSettings& settings) {
  const Windows of = windows_over(site.d_in[0].to.shape(), settings);
  const bool cells =
      of.size == 3 && of.step == 2 && of.pad == 1 && of.x.h == 2 * of.y.h && of.x.w == 2 * of.y.w;
  const Places places(cells ? of.y : of.x, width);
  const auto kernel = cells ? backward_cells<T, width> : backward<T, width>;
  return gpu_kernel([of, places, site, kernel](Stream stream) {
    kernel<<<blocks_for(places.count, threads), threads, 0, static_cast<cudaStream_t>(stream.native)>>>(
        of, places, site.d_out[0].as<T>(), site.saved[0].as<uint8_t>(), site.d_in[0].to.as<T>(),
        site.d_in[0].how == Write::add);
    check_launch("max_pool backward");
  });
}

}  // namespace

KernelPtr max_pool_forward_gpu(Device&, const Site& site, const MaxPoolSettings& settings) {
  const auto& [shape, dtype] = site.in[0].spec;
  return for_packs(dtype, shape.c,
                   [&]<typename T, int width>() { return forward_kernel<T, width>(site, settings); });
}

KernelPtr max_pool_backward_gpu(Device&, const Site& site, const MaxPoolSettings& settings) {
  const auto& [shape, dtype] = site.d_out[0].spec;
  return for_packs(dtype, shape.c,
                   [&]<typename T, int width>() { return backward_kernel<T, width>(site, settings); });
}

}  // namespace dlfs
