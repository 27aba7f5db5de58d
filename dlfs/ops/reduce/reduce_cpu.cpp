#include <algorithm>

#include "dlfs/cpu/number.h"
#include "dlfs/cpu/walk.h"
#include "dlfs/ops/reduce/reduce.h"

namespace dlfs {

KernelPtr reduce_forward_cpu(Device&, const Site& site, const ReduceSettings& settings) {
  auto program = program_in(site.scratch);
  const Tensor &x = site.in[0], &y = site.out[0];
  const auto fill = [x](const WalkStretch& stretch, float* results) {
    const float* const from = as_f32(x, stretch.at[Walk::whole], stretch.count, results);
    if (from != results) std::copy_n(from, stretch.count, results);
  };
  add_sum_over(*program, walk(x.shape(), y.shape(), y.shape()), fill, y,
               {.side = Walk::a, .scale = reduce_scale(settings, x.shape(), y.shape())});
  return program;
}

// d_x = d_y at the place that x went to, times the scale.
KernelPtr reduce_backward_cpu(Device&, const Site& site, const ReduceSettings& settings) {
  auto program = program_in(site.scratch);
  const auto& [d_x, how] = site.d_in[0];
  const Shape x = d_x.shape(), y = site.d_out[0].shape();
  const Walk through = walk(x, y, y);
  const float scale = reduce_scale(settings, x, y);
  const bool repeats = through.strides[Walk::a][Walk::inner] == 0;
  const auto fill = [from = site.d_out[0], scale, repeats](const WalkStretch& stretch, float* results) {
    const float* const d_y = as_f32(from, stretch.at[Walk::a], repeats ? 1 : stretch.count, results);
    if (repeats)
      std::fill_n(results, stretch.count, scale * *d_y);
    else
      for (int i = 0; i < stretch.count; ++i) results[i] = scale * d_y[i];
  };
  add_map(*program, through, fill, d_x, {.add = how == Write::add});
  return program;
}

}  // namespace dlfs
