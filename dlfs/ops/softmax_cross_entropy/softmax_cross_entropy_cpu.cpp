#include <algorithm>
#include <cmath>

#include "dlfs/cpu/kernel.h"
#include "dlfs/cpu/number.h"
#include "dlfs/ops/softmax_cross_entropy/softmax_cross_entropy.h"

namespace dlfs {
namespace {

using Settings = SoftmaxCrossEntropySettings;

double log_sum_exp(const float* logits, int64_t classes) {
  const double largest = *std::max_element(logits, logits + classes);
  double sum = 0;
  for (int64_t c = 0; c < classes; ++c) sum += std::exp(logits[c] - largest);
  return largest + std::log(sum);
}

double position_loss(const float* logits, int64_t classes, int32_t label, double log_sum, double smoothing) {
  double loss = (1 - smoothing) * (log_sum - logits[label]);
  if (smoothing > 0)
    for (int64_t c = 0; c < classes; ++c)
      loss += smoothing / static_cast<double>(classes) * (log_sum - logits[c]);
  return loss;
}

// Every sum and exponential is in double; logits are read as rows of `classes`, one a position.
template <typename T>
void forward(const Site& site, const Settings& settings) {
  const int64_t positions = site.in[1].shape().count(), classes = site.in[0].shape().c;
  std::vector<float> room(static_cast<size_t>(classes));
  const T* row = site.in[0].as<T>();
  const int32_t* const labels = site.in[1].as<int32_t>();
  double sum = 0;
  int64_t counted = 0;
  for (int64_t i = 0; i < positions; ++i, row += classes) {
    const float* const logits = as_f32(row, classes, room.data());
    const double log_sum = log_sum_exp(logits, classes);
    if (site.saved[0]) site.saved[0].as<float>()[i] = static_cast<float>(log_sum);
    if (labels[i] == settings.ignore_index) continue;
    ++counted;
    sum += position_loss(logits, classes, labels[i], log_sum, settings.label_smoothing);
  }
  const double inverse = counted == 0 ? 0.0 : 1.0 / static_cast<double>(counted);
  *site.out[0].as<float>() = static_cast<float>(counted == 0 ? 0.0 : sum * inverse);
  if (site.saved[1]) *site.saved[1].as<float>() = static_cast<float>(inverse);
}

// d_logits = d_loss / counted * (p - (1 - s) [c is the label] - s / classes), 0 where the label is ignored.
template <typename T>
void backward(const Site& site, const Settings& settings) {
  const int64_t positions = site.in[1].shape().count(), classes = site.in[0].shape().c;
  const int32_t* const labels = site.in[1].as<int32_t>();
  const auto& [d_logits, how] = site.d_in[0];
  const bool add = how == Write::add;
  const double scale = double{*site.d_out[0].as<float>()} * *site.saved[1].as<float>();
  const double smoothing = settings.label_smoothing, share = smoothing / static_cast<double>(classes);
  std::vector<float> room(static_cast<size_t>(classes));
  for (int64_t i = 0; i < positions; ++i) {
    const float* const logits = as_f32(site.in[0].as<T>() + i * classes, classes, room.data());
    T* const to = d_logits.template as<T>() + i * classes;
    if (labels[i] == settings.ignore_index) {
      if (!add) std::fill_n(to, classes, T(0));
      continue;
    }
    const double log_sum = site.saved[0].as<float>()[i];
    for (int64_t c = 0; c < classes; ++c) {
      const double wanted = share + (c == labels[i] ? 1 - smoothing : 0);
      put(to[c], scale * (std::exp(logits[c] - log_sum) - wanted), add);
    }
  }
}

}  // namespace

KernelPtr softmax_cross_entropy_forward_cpu(Device&, const Site& site, const Settings& settings) {
  return cpu_kernel(site.in[0].spec.dtype, [=]<typename T>() { forward<T>(site, settings); });
}

KernelPtr softmax_cross_entropy_backward_cpu(Device&, const Site& site, const Settings& settings) {
  return cpu_kernel(site.in[0].spec.dtype, [=]<typename T>() { backward<T>(site, settings); });
}

}  // namespace dlfs
