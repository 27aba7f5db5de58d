#include "dlfs/ops/accumulate/accumulate.h"
#include "dlfs/ops/accumulate/element.h"
#include "dlfs/ops/update_cpu.h"

namespace dlfs {
namespace {

class Update : public Kernel {
 public:
  Update(const Site& site, const AccumulateSettings& settings)
      : rows_(update_rows(site, accumulate_layout())),
        factor_(update_factor(site)),
        element_{site.in[0].as<int32_t>(), site.in[1].as<float>(), settings.micro_batches} {}

  void run(Stream) override { element_.finish(update_all<1>(rows_, factor_, element_)); }

 private:
  std::vector<UpdateRow> rows_;
  const float* factor_;
  AccumulateElement element_;
};

}  // namespace

KernelPtr accumulate_cpu(Device&, const Site& site, const AccumulateSettings& settings) {
  return std::make_unique<Update>(site, settings);
}

}  // namespace dlfs
