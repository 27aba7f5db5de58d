#include "dlfs/ops/sgd/sgd.h"

namespace dlfs {
namespace {

class Update : public Kernel {
 public:
  Update(const Site& site, const SgdSettings& settings)
      : settings_(settings), rate_(site.in[0].as<float>()), rows_(sgd_rows(site, settings)) {}

  void run(Stream) override {
    for (const SgdRow& row : rows_) {
      if (!row.momentum)
        plain(row);
      else
        with_momentum(row);
    }
  }

 private:
  void plain(const SgdRow& row) const {
    const float rate = *rate_, decay = settings_.weight_decay;
    float* __restrict const p = row.parameter.as<float>();
    const float* __restrict const gradient = row.gradient.as<float>();
    const int64_t count = row.parameter.shape().count();
    for (int64_t i = 0; i < count; ++i) p[i] -= rate * (gradient[i] + decay * p[i]);
  }

  void with_momentum(const SgdRow& row) const {
    const float rate = *rate_, decay = settings_.weight_decay, momentum = settings_.momentum;
    const bool nesterov = settings_.nesterov;
    float* __restrict const p = row.parameter.as<float>();
    float* __restrict const m = row.momentum.as<float>();
    const float* __restrict const gradient = row.gradient.as<float>();
    const int64_t count = row.parameter.shape().count();
    for (int64_t i = 0; i < count; ++i) {
      const float g = gradient[i] + decay * p[i];
      m[i] = momentum * m[i] + g;
      p[i] -= rate * (nesterov ? g + momentum * m[i] : m[i]);
    }
  }

  SgdSettings settings_;
  const float* rate_;
  std::vector<SgdRow> rows_;
};

}  // namespace

KernelPtr sgd_cpu(Device&, const Site& site, const SgdSettings& settings) {
  return std::make_unique<Update>(site, settings);
}

}  // namespace dlfs
