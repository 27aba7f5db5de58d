#include "dlfs/ops/sgd/element.h"
#include "dlfs/ops/sgd/sgd.h"
#include "dlfs/ops/update_cpu.h"

namespace dlfs {
namespace {

template <int Parts>
class Update : public Kernel {
 public:
  Update(const Site& site, const SgdRows& settings)
      : rows_(update_rows(site, sgd_layout(settings), settings.weight_decay, settings.vectors)),
        factor_(update_factor(site)),
        element_{site.in[0].as<float>(), settings.momentum, settings.nesterov} {}

  void run(Stream) override { update_all<Parts>(rows_, factor_, element_); }

 private:
  std::vector<UpdateRow> rows_;
  const float* factor_;
  SgdElement<Parts> element_;
};

}  // namespace

KernelPtr sgd_cpu(Device&, const Site& site, const SgdRows& settings) {
  if (settings.momentum == 0) return std::make_unique<Update<1>>(site, settings);
  return std::make_unique<Update<2>>(site, settings);
}

}  // namespace dlfs
