#include <algorithm>
#include <cmath>
#include <cstdint>

#include "dlfs/gpu/across.cuh"
#include "dlfs/gpu/launch.h"
#include "dlfs/gpu/number.cuh"
#include "dlfs/ops/softmax_cross_entropy/softmax_cross_entropy.h"

namespace dlfs {
namespace {

constexpr int threads = 256, warps = threads / 32, most_blocks = 1024;

// Logits as rows of `classes`, one a position.
struct Rows {
  unsigned rows;
  int classes;
  float smoothing;
  int ignored;
};

// What a block adds up: the losses of its rows, and how many of them count.
struct Partial {
  float loss;
  int counted;

  __device__ void operator+=(const Partial& other) {
    loss += other.loss;
    counted += other.counted;
  }
};

// One row a warp. Everything is relative to the row's largest logit until it is stored.
template <typename T>
__global__ void forward(Rows of, const T* logits, const int* labels, float* log_sums, Partial* partials) {
  const int lane = threadIdx.x % 32;
  Partial mine{0, 0};
  for (unsigned row = blockIdx.x * warps + threadIdx.x / 32; row < of.rows; row += gridDim.x * warps) {
    const T* z = logits + row * of.classes;
    float most = -INFINITY, exponentials = 0, differences = 0;
    for (int c = lane; c < of.classes; c += 32) most = larger(most, wide(z[c]));
    most = across_warp(most, larger);
    for (int c = lane; c < of.classes; c += 32) {
      exponentials += expf(wide(z[c]) - most);
      differences += wide(z[c]) - most;
    }
    exponentials = across_warp(exponentials, sum);
    differences = across_warp(differences, sum);
    if (lane != 0) continue;
    const float log_sum = logf(exponentials);
    if (log_sums != nullptr) log_sums[row] = most + log_sum;
    const int label = labels[row];
    if (label == of.ignored) continue;
    mine.loss += log_sum - (1 - of.smoothing) * (wide(z[label]) - most);
    if (of.smoothing > 0) mine.loss -= of.smoothing / of.classes * differences;
    ++mine.counted;
  }
  __syncwarp();
  const Partial total = across_block<threads>(mine);
  if (threadIdx.x == 0) partials[blockIdx.x] = total;
}

// One block: the mean over all that counted.
__global__ void mean(int blocks, const Partial* partials, float* loss, float* inverse_count) {
  Partial mine{0, 0};
  for (int i = threadIdx.x; i < blocks; i += threads) mine += partials[i];
  const Partial total = across_block<threads>(mine);
  if (threadIdx.x != 0) return;
  *loss = total.counted == 0 ? 0 : total.loss / total.counted;
  if (inverse_count != nullptr) *inverse_count = total.counted == 0 ? 0 : 1.0F / total.counted;
}

// One logit a thread.
template <typename T>
__global__ void backward(Rows of, const T* logits, const int* labels, const float* log_sums,
                         const float* inverse_count, const float* d_loss, T* d_logits, bool add) {
  const unsigned i = blockIdx.x * threads + threadIdx.x, row = i / of.classes;
  if (row >= of.rows) return;
  const int label = labels[row];
  float gradient = 0;
  if (label != of.ignored) {
    const bool wanted = i - row * of.classes == static_cast<unsigned>(label);
    gradient =
        expf(wide(logits[i]) - log_sums[row]) - of.smoothing / of.classes - (wanted ? 1 - of.smoothing : 0);
    gradient *= *d_loss * *inverse_count;
  }
  d_logits[i] = rounded<T>(add ? wide(d_logits[i]) + gradient : gradient);
}

Rows rows_of(const Site& site, const SoftmaxCrossEntropySettings& settings) {
  return {static_cast<unsigned>(site.in[1].shape().count()), site.in[0].shape().c, settings.label_smoothing,
          settings.ignore_index};
}

template <typename T>
KernelPtr forward_kernel(const Site& site, const SoftmaxCrossEntropySettings& settings) {
  const Rows of = rows_of(site, settings);
  const unsigned blocks = std::min<unsigned>(blocks_for(of.rows, warps), most_blocks);
  site.scratch.request(blocks * sizeof(Partial));
  return gpu_kernel([of, blocks, site](Stream stream) {
    const auto in = static_cast<cudaStream_t>(stream.native);
    auto* partials = static_cast<Partial*>(site.scratch.data());
    forward<T><<<blocks, threads, 0, in>>>(of, site.in[0].as<T>(), site.in[1].as<int>(),
                                           site.saved[0].as<float>(), partials);
    check_launch("softmax_cross_entropy forward");
    mean<<<1, threads, 0, in>>>(blocks, partials, site.out[0].as<float>(), site.saved[1].as<float>());
    check_launch("softmax_cross_entropy mean");
  });
}

template <typename T>
KernelPtr backward_kernel(const Site& site, const SoftmaxCrossEntropySettings& settings) {
  const Rows of = rows_of(site, settings);
  return gpu_kernel([of, site](Stream stream) {
    backward<T><<<blocks_for(int64_t{of.rows} * of.classes, threads), threads, 0,
                  static_cast<cudaStream_t>(stream.native)>>>(
        of, site.in[0].as<T>(), site.in[1].as<int>(), site.saved[0].as<float>(), site.saved[1].as<float>(),
        site.d_out[0].as<float>(), site.d_in[0].to.as<T>(), site.d_in[0].how == Write::add);
    check_launch("softmax_cross_entropy backward");
  });
}

}  // namespace

KernelPtr softmax_cross_entropy_forward_gpu(Device&, const Site& site,
                                            const SoftmaxCrossEntropySettings& settings) {
  return for_type(site.in[0].spec.dtype, [&]<typename T>() { return forward_kernel<T>(site, settings); });
}

KernelPtr softmax_cross_entropy_backward_gpu(Device&, const Site& site,
                                             const SoftmaxCrossEntropySettings& settings) {
  return for_type(site.in[0].spec.dtype, [&]<typename T>() { return backward_kernel<T>(site, settings); });
}

}  // namespace dlfs
