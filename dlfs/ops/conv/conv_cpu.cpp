#include "dlfs/cpu/convolution.h"
#include "dlfs/cpu/loops.h"
#include "dlfs/cpu/number.h"
#include "dlfs/ops/conv/conv.h"

namespace dlfs {
namespace {

Convolution convolution(const ConvSettings& settings) {
  return {.stride = settings.stride,
          .pad = settings.pad,
          .dilation = settings.dilation,
          .groups = settings.groups};
}

// moments f32 [1,1,2,c]: mean and variance of y over all positions, in double about the first one.
void add_moments(Program& program, const Operand& y, const Operand& moments) {
  for_type(y.spec.dtype, [&]<typename T>() {
    program.add([=, channels = y.spec.shape.c, count = y.spec.shape.count()](std::byte* scratch) {
      const T* const map = reinterpret_cast<const T*>(y.at(scratch));
      const int64_t rows = count / channels;
      for (int64_t c = 0; c < channels; ++c) {
        const double first = static_cast<float>(map[c]), positions = static_cast<double>(rows);
        double sum = 0, squares = 0;
        for (int64_t i = c; i < count; i += channels) {
          const double away = static_cast<float>(map[i]) - first;
          sum += away;
          squares += away * away;
        }
        const double mean = sum / positions;
        put(moments.at(scratch)[c], first + mean);
        put(moments.at(scratch)[channels + c], squares / positions - mean * mean);
      }
    });
  });
}

Sink sink(const Grad& grad) { return {.to = grad.to, .add = grad.how == Write::add}; }

}  // namespace

KernelPtr conv_forward_cpu(Device& device, const Site& site, const ConvSettings& settings) {
  auto program = program_in(site.scratch);
  const Tensor &x = site.in[0], &w = site.in[1], &bias = site.in[2], &y = site.out[0];
  ConvolutionInference with;
  if (site.is_fixed(1)) with = {.keeper = &device, .relu = settings.relu};
  if (site.in.size() > 3) with.add = site.in[3];
  const bool relu_apart = settings.relu && !with.relu;
  add_convolution(*program, convolution(settings), x, w, bias, y, with);
  if (relu_apart) add_relu(*program, y);
  if (settings.sums) add_channel_sums(*program, y, site.out[1], {.squares = true});
  if (settings.moments) add_moments(*program, y, site.out[1]);
  return program;
}

KernelPtr conv_backward_cpu(Device&, const Site& site, const ConvSettings& settings) {
  auto program = program_in(site.scratch);
  const Tensor &x = site.in[0], &w = site.in[1];
  const Grad &d_x = site.d_in[0], &d_w = site.d_in[1], &d_bias = site.d_in[2];
  Operand d_y = site.d_out[0];
  if (settings.relu) d_y = add_relu_gradient(*program, site.out[0], d_y);
  if (d_x.how != Write::skip) add_convolution_data(*program, convolution(settings), d_y, w, sink(d_x));
  if (d_w.how != Write::skip) add_convolution_weights(*program, convolution(settings), x, d_y, sink(d_w));
  if (d_bias.how != Write::skip)
    add_channel_sums(*program, d_y, d_bias.to, {.add = d_bias.how == Write::add});
  return program;
}

}  // namespace dlfs
