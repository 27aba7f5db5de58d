// Batch normalisation (Ioffe and Szegedy, 2015) with what follows it in one function: the sum with a shortcut, which may
// have a batch norm of its own, and a ReLU.
//
//   x [n,h,w,c] f32, f16 or bf16; scale, bias, mean, variance f32 [1,1,1,c]; shortcut like x
//
//   y = relu(scale * (x - m) / sqrt(v + epsilon) + bias [+ shortcut | + the shortcut's own norm])
//
// In training m and v are the mean and the (biased) variance of x over n, h and w. In inference, or where the norm is
// frozen, they are the running ones, mean and variance. Either are a second output, [1,1,2,c]; from those of a batch
// update_statistics() makes the running ones after the step, as torch.nn.BatchNorm2d does. Sums are in f32, variance
// without cancellation (but for sums that are given), in one fixed order: every run gives the same bits.
//
// Backward reads x (and the shortcut's x where that has a norm); the sign of what a ReLU saw is made again from x, or with
// a shortcut read from a mask of one bit an element that forward saves.
#pragma once

#include "dlfs/ops/norm.h"

namespace dlfs {

struct BatchNormSettings {
  float epsilon = 1e-5f;
  float momentum = 0.1f;  // of the running statistics: how much of them each step renews
  bool relu = false;
  bool frozen = false;    // in inference it is, whatever is set here
  bool projects = false;  // the shortcut has a norm of its own: set by norm_add_act(), as
  bool moments = false;   // what x's norm has in `sums` are mean and variance
};

Value norm_act(Value x, const BatchNorm& norm, const BatchNormSettings& settings = {});

// What is added: a value as it is, or one with a norm of its own (a projection).
struct Shortcut {
  Value x;
  BatchNorm norm = {};
};
Value norm_add_act(Value x, const BatchNorm& norm, const Shortcut& shortcut,
                   const BatchNormSettings& settings = {});

// After backward: running mean = (1 - momentum) * running mean + momentum * m, and the variance likewise with the unbiased
// v * count / (count - 1), for every norm of the trace that normalises by its batch, in one pass. Where `factor`
// (f32 [1,1,1,1]; may be null) is 0 the step does not count and nothing is written.
void update_statistics(Trace& trace, Value factor = {});

FunctionPtr batch_norm_function(const BatchNormSettings& settings);
// Inputs: factor (or absent), then all means, all variances, all statistics [1,1,2,c].
struct StatisticsSettings {
  std::vector<float> momentum;      // one a norm
  std::vector<int64_t> count = {};  // of positions that a norm's statistics are of
};
FunctionPtr statistics_function(const StatisticsSettings& settings);

// A call's tensors by name. Site: in {x, scale, bias, mean, variance, sums, shortcut, and the shortcut's scale, bias, mean,
// variance, sums}, out {y, statistics, the shortcut's statistics where it projects}, saved {mask u8, where there is a
// shortcut and a ReLU}: of y one bit an element in memory order, the first the lowest, set where y > 0 or is NaN.
// sums f32 [1,1,2,c]: of x, and of its squares; or its moments. Gradients by statistics are not taken.
struct BatchNormSite {
  explicit BatchNormSite(const Site& site);

  struct Side {
    Tensor x, scale, bias, mean, variance, sums, statistics;
    Grad d_x, d_scale, d_bias;
  };
  Side main, shortcut;  // without projects, the shortcut has x (of forward) and d_x alone
  Tensor y, mask, d_y;
  Shape shape;  // of y
};

// The halves, chosen in batch_norm.cpp.
KernelPtr batch_norm_forward_cpu(Device&, const Site&, const BatchNormSettings&);
KernelPtr batch_norm_backward_cpu(Device&, const Site&, const BatchNormSettings&);
KernelPtr batch_norm_forward_gpu(Device&, const Site&, const BatchNormSettings&);
KernelPtr batch_norm_backward_gpu(Device&, const Site&, const BatchNormSettings&);
KernelPtr statistics_cpu(Device&, const Site&, const StatisticsSettings&);
KernelPtr statistics_gpu(Device&, const Site&, const StatisticsSettings&);

}  // namespace dlfs
