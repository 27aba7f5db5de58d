#include "dlfs/cpu/number.h"
#include "dlfs/ops/element_loss/formulas.h"

namespace dlfs {
namespace {

// All in double.
template <typename Formula, typename T>
class Forward : public Kernel {
 public:
  Forward(const Formula& formula, const Site& site, const ElementLossSettings& settings)
      : at_(formula, site, settings), loss_(site.out[0].as<float>()) {}

  void run(Stream) override {
    double sum = 0;
    for (unsigned i = 0; i < at_.count; ++i) sum += at_.weight(i) * at_.value(i);
    *loss_ = static_cast<float>(sum * at_.scale);
  }

 private:
  Elements<Formula, double, T> at_;
  float* loss_;
};

template <typename Formula, typename T>
class Backward : public Kernel {
 public:
  Backward(const Formula& formula, const Site& site, const ElementLossSettings& settings)
      : at_(formula, site, settings), d_loss_(site.d_out[0].as<float>()), d_in_(site.d_in) {}

  void run(Stream) override {
    const double scale = at_.scale * *d_loss_;
    each<T>(d_in_[0], [&](unsigned i) { return scale * at_.weight(i) * at_.by_prediction(i); });
    each<float>(d_in_[1], [&](unsigned i) { return scale * at_.weight(i) * at_.by_target(i); });
    each<float>(d_in_[2], [&](unsigned w) {
      double sum = 0;
      for (unsigned i = w * at_.per_weight; i < (w + 1) * at_.per_weight; ++i) sum += at_.value(i);
      return scale * sum;
    });
  }

 private:
  template <typename Of, typename Gradient>
  static void each(const Grad& grad, Gradient gradient) {
    if (grad.how == Write::skip) return;
    Of* const to = grad.to.as<Of>();
    for (int64_t i = 0; i < grad.to.shape().count(); ++i) put(to[i], gradient(i), grad.how == Write::add);
  }

  Elements<Formula, double, T> at_;
  const float* d_loss_;
  std::vector<Grad> d_in_;
};

template <template <typename, typename> class Direction>
KernelPtr make(const Site& site, const ElementLossSettings& settings) {
  return with_formula(settings, [&]<typename Formula>(const Formula& formula) {
    return for_type(site.in[0].spec.dtype, [&]<typename T>() -> KernelPtr {
      return std::make_unique<Direction<Formula, T>>(formula, site, settings);
    });
  });
}

}  // namespace

KernelPtr element_loss_forward_cpu(Device&, const Site& site, const ElementLossSettings& settings) {
  return make<Forward>(site, settings);
}

KernelPtr element_loss_backward_cpu(Device&, const Site& site, const ElementLossSettings& settings) {
  return make<Backward>(site, settings);
}

}  // namespace dlfs
