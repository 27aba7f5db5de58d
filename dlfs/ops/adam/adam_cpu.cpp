#include "dlfs/ops/adam/element.h"

namespace dlfs {
namespace {

class Update : public Kernel {
 public:
  Update(const Site& site, const AdamSettings& settings)
      : settings_(settings),
        element_(settings),
        rate_(site.in[0].as<float>()),
        steps_(site.in[1].as<int32_t>()),
        rows_(update_rows(site, adam_layout())) {}

  void run(Stream) override {
    const double t = ++*steps_;
    element_.begin(*rate_, {.m = static_cast<float>(1 - std::pow(settings_.beta1, t)),
                            .v = static_cast<float>(1 - std::pow(settings_.beta2, t))});
    for (const UpdateRow& row : rows_) update(row);
  }

 private:
  void update(const UpdateRow& row) const {
    float* __restrict const p = row[0].as<float>();
    const float* __restrict const gradient = row[1].as<float>();
    float* __restrict const m = row[2].as<float>();
    float* __restrict const v = row[3].as<float>();
    const AdamElement element = element_;
    const int64_t count = row[0].shape().count();
    for (int64_t i = 0; i < count; ++i) element.update(p[i], gradient[i], m[i], v[i]);
  }

  AdamSettings settings_;
  AdamElement element_;
  const float* rate_;
  int32_t* steps_;
  std::vector<UpdateRow> rows_;
};

}  // namespace

KernelPtr adam_cpu(Device&, const Site& site, const AdamSettings& settings) {
  return std::make_unique<Update>(site, settings);
}

}  // namespace dlfs
