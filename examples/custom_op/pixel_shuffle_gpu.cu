#include "custom_op/pixel_shuffle.h"
#include "dlfs/gpu/launch.h"

namespace custom_op {
namespace {

constexpr int threads = 256;

// One number of the wide map a thread, i in memory's order; its lines are those of all images, one after the other.
template <bool widens, bool adds>
__global__ void move(const float* from, float* to, Shape wide, int f) {
  const unsigned i = blockIdx.x * threads + threadIdx.x;
  if (i >= static_cast<unsigned>(wide.n * wide.h * wide.w * wide.c)) return;
  const int c = i % wide.c, column = i / wide.c % wide.w, line = i / wide.c / wide.w;
  const int block = line / f * (wide.w / f) + column / f;
  const int deep = (block * wide.c + c) * f * f + line % f * f + column % f;
  const float value = from[widens ? deep : i];
  float& place = to[widens ? i : deep];
  place = adds ? place + value : value;
}

KernelPtr move_kernel(const Tensor& from, const Grad& to, int factor) {
  const bool widens = to.to.shape().h > from.shape().h, adds = to.how == Write::add;
  const Shape wide = widens ? to.to.shape() : from.shape();
  const auto kernel = widens ? (adds ? move<true, true> : move<true, false>)
                             : (adds ? move<false, true> : move<false, false>);
  return gpu_kernel([=](Stream stream) {
    kernel<<<blocks_for(wide.count(), threads), threads, 0, static_cast<cudaStream_t>(stream.native)>>>(
        from.as<float>(), to.to.as<float>(), wide, factor);
    check_launch("pixel_shuffle");
  });
}

}  // namespace

KernelPtr pixel_shuffle_forward_gpu(Device&, const Site& site, const PixelShuffleSettings& settings) {
  return move_kernel(site.in[0], {site.out[0], Write::set}, settings.factor);
}

KernelPtr pixel_shuffle_backward_gpu(Device&, const Site& site, const PixelShuffleSettings& settings) {
  return move_kernel(site.d_out[0], site.d_in[0], settings.factor);
}

}  // namespace custom_op
