#include "dlfs/cpu/loops.h"
#include "dlfs/cpu/matmul.h"
#include "dlfs/ops/linear/linear.h"

namespace dlfs {

// y [n,k] = x [n,m] w^T [m,k] + bias, with m = h * w * c.
KernelPtr linear_forward_cpu(Device& device, const Site& site, const LinearSettings& settings) {
  auto program = program_in(site.scratch);
  const Tensor &x = site.in[0], &w = site.in[1], &bias = site.in[2], &y = site.out[0];
  MatmulSettings with;
  if (site.is_fixed(1)) with = {.keeper = &device, .relu = settings.relu};
  add_matmul(*program, Matrix(x), Matrix(w).transposed(), bias, Matrix(y), with);
  if (settings.relu && !with.relu) add_relu(*program, y);
  return program;
}

// d_x [n,m] = d_y [n,k] w [k,m] and d_w [k,m] = d_y^T [k,n] x [n,m].
KernelPtr linear_backward_cpu(Device&, const Site& site, const LinearSettings& settings) {
  auto program = program_in(site.scratch);
  const Tensor &x = site.in[0], &w = site.in[1];
  const Grad &d_x = site.d_in[0], &d_w = site.d_in[1], &d_bias = site.d_in[2];
  Operand d_y = site.d_out[0];
  if (settings.relu) d_y = add_relu_gradient(*program, site.out[0], d_y);
  if (d_x.how != Write::skip)
    add_matmul(*program, Matrix(d_y), Matrix(w), {}, Matrix(d_x.to), {.add = d_x.how == Write::add});
  if (d_w.how != Write::skip)
    add_matmul(*program, Matrix(d_y).transposed(), Matrix(x), {}, Matrix(d_w.to),
               {.add = d_w.how == Write::add});
  if (d_bias.how != Write::skip)
    add_channel_sums(*program, d_y, d_bias.to, {.add = d_bias.how == Write::add});
  return program;
}

}  // namespace dlfs
