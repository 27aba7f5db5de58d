#include "dlfs/ops/conv/conv.h"
#include "dlfs/ops/convolution_gpu.h"

namespace dlfs {
namespace {

ConvolutionLayer layer(const Site& site, const Shape& y, const ConvSettings& settings) {
  return {.graph = {.x = site.in[0].shape(),
                    .w = site.in[1].shape(),
                    .y = y,
                    .stride = settings.stride,
                    .pad = settings.pad,
                    .dilation = settings.dilation,
                    .groups = settings.groups,
                    .moments = settings.moments},
          .relu = settings.relu};
}

}  // namespace

KernelPtr conv_forward_gpu(Device& device, const Site& site, const ConvSettings& settings) {
  return convolution_forward_gpu(gpu(device), site, layer(site, site.out[0].shape(), settings));
}

KernelPtr conv_backward_gpu(Device& device, const Site& site, const ConvSettings& settings) {
  return convolution_backward_gpu(gpu(device), site, layer(site, site.d_out[0].shape(), settings));
}

}  // namespace dlfs
