#include "dlfs/cpu/kernel.h"
#include "dlfs/ops/adam/element.h"
#include "dlfs/ops/update_cpu.h"

namespace dlfs {
namespace {

struct Element : AdamElement {
  using AdamElement::AdamElement;
  void begin(int) {}  // every row begins as the step did
};

}  // namespace

KernelPtr adam_cpu(Device&, const Site& site, const AdamRows& settings) {
  const auto decay = static_cast<float>(settings.weight_decay);
  return cpu_kernel([=, rows = update_rows(site, adam_layout(), decay, settings.vectors),
                     factor = update_factor(site), element = Element(settings)]() mutable {
    int32_t& done = *site.in[1].as<int32_t>();
    const int32_t steps = done + 1;
    element.AdamElement::begin(*site.in[0].as<float>(),
                               {.m = static_cast<float>(1 - std::pow(settings.beta1, steps)),
                                .v = static_cast<float>(1 - std::pow(settings.beta2, steps))});
    if (update_all<3>(rows, factor, element)) done = steps;
  });
}

}  // namespace dlfs
