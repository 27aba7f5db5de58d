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

class Update : public Kernel {
 public:
  Update(const Site& site, const LarsRows& settings)
      : settings_(settings),
        rows_(update_rows(site, lars_layout(), settings.weight_decay, settings.vectors)),
        factor_(update_factor(site)),
        ratios_(rows_.size(), 1),
        element_{site.in[0].as<float>(), ratios_.data(), settings.momentum} {}

  void run(Stream) override {
    for (size_t i = 0; i < rows_.size(); ++i)
      if (settings_.adapts(i))
        ratios_[i] = LarsSquares{squares(rows_[i].parameter), squares(rows_[i].gradient)}.ratio(
            factor_ == nullptr ? 1 : *factor_, settings_.trust, rows_[i].decay);
    update_all<2>(rows_, factor_, element_);
  }

 private:
  LarsRows settings_;
  std::vector<UpdateRow> rows_;
  const float* factor_;
  std::vector<float> ratios_;
  LarsElement element_;
};

}  // namespace

KernelPtr lars_cpu(Device&, const Site& site, const LarsRows& settings) {
  return std::make_unique<Update>(site, settings);
}

}  // namespace dlfs
