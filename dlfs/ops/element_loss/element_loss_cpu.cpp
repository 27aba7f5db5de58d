#include "dlfs/cpu/kernel.h"
#include "dlfs/cpu/number.h"
#include "dlfs/ops/element_loss/formulas.h"

namespace dlfs {
namespace {

// Gives make<T>(elements) for the type T of predictions. All is computed in double.
template <typename Make>
KernelPtr with_elements(const Site& site, const ElementLossSettings& settings, const Make& make) {
  return with_formula(settings, [&]<typename Formula>(const Formula& formula) {
    return for_type(site.in[0].spec.dtype, [&]<typename T>() {
      return make.template operator()<T>(Elements<Formula, double, T>(formula, site, settings));
    });
  });
}

template <typename T, typename Gradient>
void write_each(const Grad& grad, Gradient gradient) {
  if (grad.how == Write::skip) return;
  T* const to = grad.to.as<T>();
  for (int64_t i = 0; i < grad.to.shape().count(); ++i) put(to[i], gradient(i), grad.how == Write::add);
}

}  // namespace

KernelPtr element_loss_forward_cpu(Device&, const Site& site, const ElementLossSettings& settings) {
  return with_elements(site, settings, [&]<typename T>(const auto& at) {
    return cpu_kernel([at, loss = site.out[0].as<float>()] {
      double sum = 0;
      for (unsigned i = 0; i < at.count; ++i) sum += at.weight(i) * at.value(i);
      *loss = static_cast<float>(sum * at.scale);
    });
  });
}

KernelPtr element_loss_backward_cpu(Device&, const Site& site, const ElementLossSettings& settings) {
  return with_elements(site, settings, [&]<typename T>(const auto& at) {
    return cpu_kernel([at, d_loss = site.d_out[0].as<float>(), d_in = site.d_in] {
      const double scale = at.scale * *d_loss;
      write_each<T>(d_in[0], [&](unsigned i) { return scale * at.weight(i) * at.by_prediction(i); });
      write_each<float>(d_in[1], [&](unsigned i) { return scale * at.weight(i) * at.by_target(i); });
      write_each<float>(d_in[2], [&](unsigned w) {
        double sum = 0;
        for (unsigned i = w * at.per_weight; i < (w + 1) * at.per_weight; ++i) sum += at.value(i);
        return scale * sum;
      });
    });
  });
}

}  // namespace dlfs
