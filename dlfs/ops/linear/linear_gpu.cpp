#include "dlfs/ops/convolution_gpu.h"
#include "dlfs/ops/linear/linear.h"

namespace dlfs {
namespace {

Shape flat(const Shape& of) { return {of.n, 1, 1, of.h * of.w * of.c}; }

ConvolutionLayer layer(const Site& site, const LinearSettings& settings) {
  const Shape x = flat(site.in[0].shape()), w = flat(site.in[1].shape());
  return {.graph = {.x = x, .w = w, .y = {x.n, 1, 1, w.n}}, .relu = settings.relu};
}

}  // namespace

KernelPtr linear_forward_gpu(Device& device, const Site& site, const LinearSettings& settings) {
  return convolution_forward_gpu(gpu(device), site, layer(site, settings));
}

KernelPtr linear_backward_gpu(Device& device, const Site& site, const LinearSettings& settings) {
  return convolution_backward_gpu(gpu(device), site, layer(site, settings));
}

}  // namespace dlfs
