#include "dlfs/ops/sgd/sgd.h"

namespace dlfs {
namespace {

class Update : public Kernel {
 public:
  Update(const Site& site, const SgdSettings& settings)
      : settings_(settings), rate_(site.in[0].as<float>()), rows_(update_rows(site, sgd_layout(settings))) {}

  void run(Stream) override {
    for (const UpdateRow& row : rows_) settings_.momentum == 0 ? plain(row) : with_momentum(row);
  }

 private:
  void plain(const UpdateRow& row) const {
    const float rate = *rate_, decay = settings_.weight_decay;
    float* __restrict const p = row[0].as<float>();
    const float* __restrict const gradient = row[1].as<float>();
    const int64_t count = row[0].shape().count();
    for (int64_t i = 0; i < count; ++i) p[i] -= rate * (gradient[i] + decay * p[i]);
  }

  void with_momentum(const UpdateRow& row) const {
    const float rate = *rate_, decay = settings_.weight_decay, momentum = settings_.momentum;
    const bool nesterov = settings_.nesterov;
    float* __restrict const p = row[0].as<float>();
    float* __restrict const m = row[2].as<float>();
    const float* __restrict const gradient = row[1].as<float>();
    const int64_t count = row[0].shape().count();
    for (int64_t i = 0; i < count; ++i) {
      const float g = gradient[i] + decay * p[i];
      m[i] = momentum * m[i] + g;
      p[i] -= rate * (nesterov ? g + momentum * m[i] : m[i]);
    }
  }

  SgdSettings settings_;
  const float* rate_;
  std::vector<UpdateRow> rows_;
};

}  // namespace

KernelPtr sgd_cpu(Device&, const Site& site, const SgdSettings& settings) {
  return std::make_unique<Update>(site, settings);
}

}  // namespace dlfs
