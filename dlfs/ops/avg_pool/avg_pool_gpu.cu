#include "dlfs/gpu/launch.h"
#include "dlfs/gpu/number.cuh"
#include "dlfs/ops/avg_pool/avg_pool.h"
#include "dlfs/ops/windows.h"

namespace dlfs {
namespace {

constexpr int threads = 256;

// One pack of y a thread: i counts packs, channels innermost.
template <typename T, int width>
__global__ void forward(Windows of, Places places, AvgPoolSettings settings, const T* x, T* y) {
  const unsigned i = blockIdx.x * threads + threadIdx.x;
  if (i >= places.count) return;
  const Place to = places.at(i);
  const int packs = places.packs.by;
  const int top = to.h * of.step - of.pad, left = to.w * of.step - of.pad;
  const Windows::Range rows = of.inside(top, of.x.h), columns = of.inside(left, of.x.w);
  Pack<float, width> sum{}, mean{};
  for (int row = rows.first; row < rows.last; ++row)
    for (int column = columns.first; column < columns.last; ++column)
      accumulate(
          sum,
          load<width>(x + (((to.n * of.x.h + top + row) * of.x.w + left + column) * packs + to.c) * width));
  accumulate(mean, sum, settings.share(rows.last - rows.first, columns.last - columns.first));
  store(y + i * width, mean);
}

// One pack of d_x a thread: the windows that cover it, in the order of y.
template <typename T, int width>
__global__ void backward(Windows of, Places places, AvgPoolSettings settings, const T* d_y, T* d_x,
                         bool add) {
  const unsigned i = blockIdx.x * threads + threadIdx.x;
  if (i >= places.count) return;
  const Place to = places.at(i);
  const int packs = places.packs.by;
  const Windows::Range rows = of.seeing(to.h, of.y.h), columns = of.seeing(to.w, of.y.w);
  Pack<float, width> sum{};
  for (int row = rows.first; row < rows.last; ++row) {
    const Windows::Range down = of.inside(row * of.step - of.pad, of.x.h);
    for (int column = columns.first; column < columns.last; ++column) {
      const Windows::Range across = of.inside(column * of.step - of.pad, of.x.w);
      accumulate(sum, load<width>(d_y + (((to.n * of.y.h + row) * of.y.w + column) * packs + to.c) * width),
                 settings.share(down.last - down.first, across.last - across.first));
    }
  }
  store(d_x + i * width, sum, add);
}

template <typename T, int width>
KernelPtr forward_kernel(const Site& site, const AvgPoolSettings& settings) {
  const Windows of = windows_over(site.in[0].shape(), settings);
  const Places places(of.y, width);
  return gpu_kernel([of, places, site, settings](Stream stream) {
    forward<T, width>
        <<<blocks_for(places.count, threads), threads, 0, static_cast<cudaStream_t>(stream.native)>>>(
            of, places, settings, site.in[0].as<T>(), site.out[0].as<T>());
    check_launch("avg_pool forward");
  });
}

template <typename T, int width>
KernelPtr backward_kernel(const Site& site, const AvgPoolSettings& settings) {
  const Windows of = windows_over(site.d_in[0].to.shape(), settings);
  const Places places(of.x, width);
  return gpu_kernel([of, places, site, settings](Stream stream) {
    backward<T, width>
        <<<blocks_for(places.count, threads), threads, 0, static_cast<cudaStream_t>(stream.native)>>>(
            of, places, settings, site.d_out[0].as<T>(), site.d_in[0].to.as<T>(),
            site.d_in[0].how == Write::add);
    check_launch("avg_pool backward");
  });
}

}  // namespace

KernelPtr avg_pool_forward_gpu(Device&, const Site& site, const AvgPoolSettings& settings) {
  const auto& [shape, dtype] = site.in[0].spec;
  return for_packs(dtype, shape.c,
                   [&]<typename T, int width>() { return forward_kernel<T, width>(site, settings); });
}

KernelPtr avg_pool_backward_gpu(Device&, const Site& site, const AvgPoolSettings& settings) {
  const auto& [shape, dtype] = site.d_out[0].spec;
  return for_packs(dtype, shape.c,
                   [&]<typename T, int width>() { return backward_kernel<T, width>(site, settings); });
}

}  // namespace dlfs
