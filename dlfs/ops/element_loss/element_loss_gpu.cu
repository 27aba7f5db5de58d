#include <algorithm>

#include "dlfs/gpu/across.cuh"
#include "dlfs/gpu/launch.h"
#include "dlfs/gpu/number.cuh"
#include "dlfs/ops/element_loss/formulas.h"

namespace dlfs {
namespace {

constexpr int threads = 256, warps = threads / 32, most_blocks = 1024;

// Where a gradient goes; null: nowhere.
template <typename T>
struct Into {
  explicit Into(const Grad& grad) : to(grad.to.as<T>()), add(grad.how == Write::add) {}
  __device__ void write(unsigned i, float gradient) const {
    to[i] = rounded<T>(add ? wide(to[i]) + gradient : gradient);
  }

  T* to;
  bool add;
};

// A block adds up every gridDim.x-th stretch of elements.
template <typename Formula, typename T>
__global__ void forward(Elements<Formula, float, T> at, float* sums) {
  float mine = 0;
  for (unsigned i = blockIdx.x * threads + threadIdx.x; i < at.count; i += gridDim.x * threads)
    mine += at.weight(i) * at.value(i);
  const float all = across_block<threads>(mine);
  if (threadIdx.x == 0) sums[blockIdx.x] = all;
}

// One block: what the others added up.
__global__ void total(int blocks, const float* sums, float scale, float* loss) {
  float mine = 0;
  for (int i = threadIdx.x; i < blocks; i += threads) mine += sums[i];
  const float all = across_block<threads>(mine);
  if (threadIdx.x == 0) *loss = scale * all;
}

// One element a thread.
template <typename Formula, typename T>
__global__ void backward(Elements<Formula, float, T> at, const float* d_loss, Into<T> d_prediction,
                         Into<float> d_target) {
  const unsigned i = blockIdx.x * threads + threadIdx.x;
  if (i >= at.count) return;
  const float scale = at.scale * *d_loss * at.weight(i), by_prediction = at.by_prediction(i),
              by_target = at.by_target(i);
  if (d_prediction.to != nullptr) d_prediction.write(i, scale * by_prediction);
  if (d_target.to != nullptr) d_target.write(i, scale * by_target);
}

// One weight a warp: the values that it scales.
template <typename Formula, typename T>
__global__ void backward_weights(Elements<Formula, float, T> at, const float* d_loss, Into<float> d_weights) {
  const unsigned w = blockIdx.x * warps + threadIdx.x / 32;
  if (w >= at.count / at.per_weight) return;
  float mine = 0;
  for (unsigned i = threadIdx.x % 32; i < at.per_weight; i += 32) mine += at.value(w * at.per_weight + i);
  const float all = across_warp(mine, sum);
  if (threadIdx.x % 32 == 0) d_weights.write(w, at.scale * *d_loss * all);
}

template <typename T>
KernelPtr forward_kernel(const Site& site, const ElementLossSettings& settings) {
  const unsigned blocks = std::min<unsigned>(blocks_for(site.in[0].shape().count(), threads), most_blocks);
  site.scratch.request(blocks * sizeof(float));
  return with_formula(settings, [&]<typename Formula>(const Formula& formula) {
    const Elements<Formula, float, T> at(formula, site, settings);
    return gpu_kernel([at, blocks, &scratch = site.scratch, loss = site.out[0].as<float>()](Stream stream) {
      const auto in = static_cast<cudaStream_t>(stream.native);
      auto* sums = static_cast<float*>(scratch.data());
      forward<<<blocks, threads, 0, in>>>(at, sums);
      check_launch("element loss forward");
      total<<<1, threads, 0, in>>>(static_cast<int>(blocks), sums, at.scale, loss);
      check_launch("element loss total");
    });
  });
}

template <typename T>
KernelPtr backward_kernel(const Site& site, const ElementLossSettings& settings) {
  return with_formula(settings, [&]<typename Formula>(const Formula& formula) {
    const Elements<Formula, float, T> at(formula, site, settings);
    const Into<T> d_prediction(site.d_in[0]);
    const Into<float> d_target(site.d_in[1]), d_weights(site.d_in[2]);
    return gpu_kernel([=, d_loss = site.d_out[0].as<float>()](Stream stream) {
      const auto in = static_cast<cudaStream_t>(stream.native);
      if (d_prediction.to != nullptr || d_target.to != nullptr)
        backward<<<blocks_for(at.count, threads), threads, 0, in>>>(at, d_loss, d_prediction, d_target);
      check_launch("element loss backward");
      if (d_weights.to != nullptr)
        backward_weights<<<blocks_for(at.count / at.per_weight, warps), threads, 0, in>>>(at, d_loss,
                                                                                          d_weights);
      check_launch("element loss backward by the weights");
    });
  });
}

}  // namespace

KernelPtr element_loss_forward_gpu(Device&, const Site& site, const ElementLossSettings& settings) {
  return for_type(site.in[0].spec.dtype, [&]<typename T>() { return forward_kernel<T>(site, settings); });
}

KernelPtr element_loss_backward_gpu(Device&, const Site& site, const ElementLossSettings& settings) {
  return for_type(site.in[0].spec.dtype, [&]<typename T>() { return backward_kernel<T>(site, settings); });
}

}  // namespace dlfs
