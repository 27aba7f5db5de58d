#include "dlfs/cpu/convolution.h"
#include "dlfs/cpu/loops.h"
#include "dlfs/ops/conv/conv.h"

namespace dlfs {
namespace {

Convolution convolution(const ConvSettings& settings) {
  return {.stride = settings.stride,
          .pad = settings.pad,
          .dilation = settings.dilation,
          .groups = settings.groups};
}

std::unique_ptr<Program> empty_program(Scratch& scratch) {
  return std::make_unique<Program>([&scratch] { return scratch.data(); });
}

Sink sink(const Grad& grad) { return {.to = grad.to, .add = grad.how == Write::add}; }

}  // namespace

KernelPtr conv_forward_cpu(Device&, const Site& site, const ConvSettings& settings) {
  auto program = empty_program(site.scratch);
  const Tensor &x = site.in[0], &w = site.in[1], &bias = site.in[2], &y = site.out[0];
  add_convolution(*program, convolution(settings), x, w, bias, y);
  if (settings.relu) add_relu(*program, y);
  site.scratch.request(program->scratch_bytes());
  return program;
}

KernelPtr conv_backward_cpu(Device&, const Site& site, const ConvSettings& settings) {
  auto program = empty_program(site.scratch);
  const Tensor &x = site.in[0], &w = site.in[1];
  const Grad &d_x = site.d_in[0], &d_w = site.d_in[1], &d_bias = site.d_in[2];
  Operand d_y = site.d_out[0];
  if (settings.relu) d_y = add_relu_gradient(*program, site.out[0], d_y);
  if (d_x.how != Write::skip) add_convolution_data(*program, convolution(settings), d_y, w, sink(d_x));
  if (d_w.how != Write::skip) add_convolution_weights(*program, convolution(settings), x, d_y, sink(d_w));
  if (d_bias.how != Write::skip)
    add_channel_sums(*program, d_y, d_bias.to, {.add = d_bias.how == Write::add});
  site.scratch.request(program->scratch_bytes());
  return program;
}

}  // namespace dlfs
