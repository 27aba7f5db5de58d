#include <cmath>

#include "dlfs/cpu/lines.h"
#include "dlfs/ops/fold_norm/fold_norm.h"
#include "dlfs/tensor/half.h"

namespace dlfs {
namespace {

class Fold : public Kernel {
 public:
  Fold(const Site& site, const FoldNormSettings& settings)
      : in_(site.in), out_(site.out), epsilon_(settings.epsilon) {}

  void run(Stream) override {
    const auto number = [this](size_t input, int64_t i) { return double{in_[input].as<float>()[i]}; };
    const int64_t filters = in_[0].shape().n, size = in_[0].shape().count() / filters;
    for (int64_t k = 0; k < filters; ++k) {
      const double a = number(2, k) / std::sqrt(number(5, k) + epsilon_);
      for (int64_t i = k * size; i < (k + 1) * size; ++i)
        set_number(out_[0].data, out_[0].spec.dtype, i, a * number(0, i));
      const double bias = in_[1] ? number(1, k) : 0;
      out_[1].as<float>()[k] = static_cast<float>(a * (bias - number(4, k)) + number(3, k));
    }
  }

 private:
  std::vector<Tensor> in_, out_;
  double epsilon_;
};

}  // namespace

KernelPtr fold_norm_forward_cpu(Device&, const Site& site, const FoldNormSettings& settings) {
  require_cpu_type("fold_norm", site.out[0].spec.dtype);
  return std::make_unique<Fold>(site, settings);
}

}  // namespace dlfs
