#include "dlfs/ops/conv/conv.h"
#include "dlfs/ops/convolution_gpu.h"

namespace dlfs {
namespace {

ConvGraph graph(const Shape& x, const Shape& w, const Shape& y, const ConvSettings& settings) {
  ConvGraph of{.x = x, .w = w, .y = y};
  of.stride = settings.stride;
  of.pad = settings.pad;
  of.dilation = settings.dilation;
  of.groups = settings.groups;
  of.relu = settings.relu;
  return of;
}

}  // namespace

KernelPtr conv_forward_gpu(Device& device, const Site& site, const ConvSettings& settings) {
  return convolution_forward_gpu(
      gpu(device), site, graph(site.in[0].shape(), site.in[1].shape(), site.out[0].shape(), settings));
}

KernelPtr conv_backward_gpu(Device& device, const Site& site, const ConvSettings& settings) {
  return convolution_backward_gpu(
      gpu(device), site, graph(site.in[0].shape(), site.in[1].shape(), site.d_out[0].shape(), settings));
}

}  // namespace dlfs
