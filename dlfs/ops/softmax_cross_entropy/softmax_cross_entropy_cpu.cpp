#include <algorithm>
#include <cmath>

#include "dlfs/cpu/number.h"
#include "dlfs/ops/softmax_cross_entropy/softmax_cross_entropy.h"

namespace dlfs {
namespace {

// Every sum and exponential is in double; logits are read as rows of `classes`, one a position.
template <typename T>
class Forward : public Kernel {
 public:
  Forward(const Site& site, const SoftmaxCrossEntropySettings& settings)
      : settings_(settings), in_(site.in), loss_(site.out[0]), saved_(site.saved) {}

  void run(Stream) override {
    const int64_t positions = in_[1].shape().count(), classes = in_[0].shape().c;
    std::vector<float> room(static_cast<size_t>(classes));
    const T* row = in_[0].as<T>();
    const int32_t* const labels = in_[1].as<int32_t>();
    double sum = 0;
    int64_t counted = 0;
    for (int64_t i = 0; i < positions; ++i, row += classes) {
      const float* const logits = as_f32(row, classes, room.data());
      const double log_sum = log_sum_exp(logits, classes);
      if (saved_[0]) saved_[0].as<float>()[i] = static_cast<float>(log_sum);
      if (labels[i] == settings_.ignore_index) continue;
      ++counted;
      sum += position_loss(logits, classes, labels[i], log_sum);
    }
    const double inverse = counted == 0 ? 0.0 : 1.0 / static_cast<double>(counted);
    *loss_.as<float>() = static_cast<float>(counted == 0 ? 0.0 : sum * inverse);
    if (saved_[1]) *saved_[1].as<float>() = static_cast<float>(inverse);
  }

 private:
  static double log_sum_exp(const float* logits, int64_t classes) {
    const double largest = *std::max_element(logits, logits + classes);
    double sum = 0;
    for (int64_t c = 0; c < classes; ++c) sum += std::exp(logits[c] - largest);
    return largest + std::log(sum);
  }

  double position_loss(const float* logits, int64_t classes, int32_t label, double log_sum) const {
    const double smoothing = settings_.label_smoothing;
    double loss = (1 - smoothing) * (log_sum - logits[label]);
    if (smoothing > 0)
      for (int64_t c = 0; c < classes; ++c)
        loss += smoothing / static_cast<double>(classes) * (log_sum - logits[c]);
    return loss;
  }

  SoftmaxCrossEntropySettings settings_;
  std::vector<Tensor> in_;
  Tensor loss_;
  std::vector<Tensor> saved_;
};

// d_logits = d_loss / counted * (p - (1 - s) [c is the label] - s / classes), 0 where the label is ignored.
template <typename T>
class Backward : public Kernel {
 public:
  Backward(const Site& site, const SoftmaxCrossEntropySettings& settings)
      : settings_(settings),
        in_(site.in),
        saved_(site.saved),
        d_loss_(site.d_out[0]),
        d_logits_(site.d_in[0]) {}

  void run(Stream) override {
    const int64_t positions = in_[1].shape().count(), classes = in_[0].shape().c;
    const int32_t* const labels = in_[1].as<int32_t>();
    const bool add = d_logits_.how == Write::add;
    const double scale = double{*d_loss_.as<float>()} * *saved_[1].as<float>();
    const double smoothing = settings_.label_smoothing, share = smoothing / static_cast<double>(classes);
    std::vector<float> room(static_cast<size_t>(classes));
    for (int64_t i = 0; i < positions; ++i) {
      const float* const logits = as_f32(in_[0].as<T>() + i * classes, classes, room.data());
      T* const to = d_logits_.to.as<T>() + i * classes;
      if (labels[i] == settings_.ignore_index) {
        if (!add) std::fill_n(to, classes, T(0));
        continue;
      }
      const double log_sum = saved_[0].as<float>()[i];
      for (int64_t c = 0; c < classes; ++c) {
        const double wanted = share + (c == labels[i] ? 1 - smoothing : 0);
        put(to[c], scale * (std::exp(logits[c] - log_sum) - wanted), add);
      }
    }
  }

 private:
  SoftmaxCrossEntropySettings settings_;
  std::vector<Tensor> in_, saved_;
  Tensor d_loss_;
  Grad d_logits_;
};

}  // namespace

KernelPtr softmax_cross_entropy_forward_cpu(Device&, const Site& site,
                                            const SoftmaxCrossEntropySettings& settings) {
  return for_type(site.in[0].spec.dtype,
                  [&]<typename T>() -> KernelPtr { return std::make_unique<Forward<T>>(site, settings); });
}

KernelPtr softmax_cross_entropy_backward_cpu(Device&, const Site& site,
                                             const SoftmaxCrossEntropySettings& settings) {
  return for_type(site.in[0].spec.dtype,
                  [&]<typename T>() -> KernelPtr { return std::make_unique<Backward<T>>(site, settings); });
}

}  // namespace dlfs
