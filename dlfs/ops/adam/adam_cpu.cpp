#include "dlfs/ops/adam/element.h"
#include "dlfs/ops/update_cpu.h"

namespace dlfs {
namespace {

struct Element : AdamElement {
  using AdamElement::AdamElement;
  void begin(int) {}  // every row begins as the step did
};

class Update : public Kernel {
 public:
  Update(const Site& site, const AdamRows& settings)
      : settings_(settings),
        element_(settings),
        rate_(site.in[0].as<float>()),
        factor_(update_factor(site)),
        steps_(site.in[1].as<int32_t>()),
        rows_(update_rows(site, adam_layout(), static_cast<float>(settings.weight_decay), settings.vectors)) {
  }

  void run(Stream) override {
    const int32_t steps = *steps_ + 1;
    element_.AdamElement::begin(*rate_, {.m = static_cast<float>(1 - std::pow(settings_.beta1, steps)),
                                         .v = static_cast<float>(1 - std::pow(settings_.beta2, steps))});
    if (update_all<3>(rows_, factor_, element_)) *steps_ = steps;
  }

 private:
  AdamSettings settings_;
  Element element_;
  const float *rate_, *factor_;
  int32_t* steps_;
  std::vector<UpdateRow> rows_;
};

}  // namespace

KernelPtr adam_cpu(Device&, const Site& site, const AdamRows& settings) {
  return std::make_unique<Update>(site, settings);
}

}  // namespace dlfs
