#include "dlfs/gpu/launch.h"
#include "dlfs/gpu/pack.h"
#include "dlfs/ops/avg_pool/avg_pool.h"
#include "dlfs/ops/windows.h"

namespace dlfs {
namespace {

constexpr int threads = 256;

// One pack of y a thread: i counts packs, channels innermost.
template <int width>
__global__ void forward(Windows of, Places places, AvgPoolSettings settings, const Pack<float, width>* x,
                        Pack<float, width>* y) {
  const unsigned i = blockIdx.x * threads + threadIdx.x;
  if (i >= places.count) return;
  const Place to = places.at(i);
  const int packs = places.packs.by;
  const int top = to.h * of.step - of.pad, left = to.w * of.step - of.pad;
  const Windows::Range rows = of.inside(top, of.x.h), columns = of.inside(left, of.x.w);
  Pack<float, width> sum{}, mean{};
  for (int row = rows.first; row < rows.last; ++row)
    for (int column = columns.first; column < columns.last; ++column)
      accumulate(sum, x[((to.n * of.x.h + top + row) * of.x.w + left + column) * packs + to.c]);
  accumulate(mean, sum, settings.share(rows.last - rows.first, columns.last - columns.first));
  y[i] = mean;
}

// One pack of d_x a thread: the windows that cover it, in the order of y.
template <int width>
__global__ void backward(Windows of, Places places, AvgPoolSettings settings, const Pack<float, width>* d_y,
                         Pack<float, width>* d_x, bool add) {
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
      accumulate(sum, d_y[((to.n * of.y.h + row) * of.y.w + column) * packs + to.c],
                 settings.share(down.last - down.first, across.last - across.first));
    }
  }
  if (add) accumulate(sum, d_x[i]);
  d_x[i] = sum;
}

template <int width>
void launch_forward(const Windows& of, const Site& site, const AvgPoolSettings& settings,
                    cudaStream_t stream) {
  forward<width><<<blocks_for(of.y.count() / width, threads), threads, 0, stream>>>(
      of, Places(of.y, width), settings, site.in[0].as<Pack<float, width>>(),
      site.out[0].as<Pack<float, width>>());
  check_launch("avg_pool forward");
}

template <int width>
void launch_backward(const Windows& of, const Site& site, const AvgPoolSettings& settings,
                     cudaStream_t stream) {
  backward<width><<<blocks_for(of.x.count() / width, threads), threads, 0, stream>>>(
      of, Places(of.x, width), settings, site.d_out[0].as<Pack<float, width>>(),
      site.d_in[0].to.as<Pack<float, width>>(), site.d_in[0].how == Write::add);
  check_launch("avg_pool backward");
}

}  // namespace

KernelPtr avg_pool_forward_gpu(Device&, const Site& site, const AvgPoolSettings& settings) {
  const Windows of = windows_over(site.in[0].shape(), settings);
  return gpu_kernel([of, site, settings](Stream stream) {
    const auto launch = of.x.c % 4 == 0 ? launch_forward<4> : launch_forward<1>;
    launch(of, site, settings, static_cast<cudaStream_t>(stream.native));
  });
}

KernelPtr avg_pool_backward_gpu(Device&, const Site& site, const AvgPoolSettings& settings) {
  const Windows of = windows_over(site.d_in[0].to.shape(), settings);
  return gpu_kernel([of, site, settings](Stream stream) {
    const auto launch = of.x.c % 4 == 0 ? launch_backward<4> : launch_backward<1>;
    launch(of, site, settings, static_cast<cudaStream_t>(stream.native));
  });
}

}  // namespace dlfs
