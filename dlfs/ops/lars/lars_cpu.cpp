#include "dlfs/cpu/kernel.h"
#include "dlfs/ops/lars/element.h"
#include "dlfs/ops/update_cpu.h"

namespace dlfs {
namespace {

double squares(const Tensor& tensor) {
  double sum = 0;
  for_stretches(tensor.shape().count(), [&](int64_t from, int64_t size) {
    float values[update_stretch];
    convert(element_of(tensor, from), tensor.spec.dtype, values, DType::f32, static_cast<size_t>(size));
    for (int64_t i = 0; i < size; ++i) sum += static_cast<double>(values[i]) * values[i];
  });
  return sum;
}

}  // namespace

KernelPtr lars_cpu(Device&, const Site& site, const LarsRows& settings) {
  const auto rows = update_rows(site, lars_layout(), settings.weight_decay, settings.vectors);
  return cpu_kernel([=, factor = update_factor(site), ratios = std::vector<float>(rows.size(), 1)]() mutable {
    for (size_t i = 0; i < rows.size(); ++i)
      if (settings.adapts(i))
        ratios[i] = LarsSquares{squares(rows[i].parameter), squares(rows[i].gradient)}.ratio(
            factor == nullptr ? 1 : *factor, settings.trust, rows[i].decay);
    LarsElement element{site.in[0].as<float>(), ratios.data(), settings.momentum};
    update_all<2>(rows, factor, element);
  });
}

}  // namespace dlfs
