#include "dlfs/cpu/number.h"
#include "dlfs/ops/stem/places.h"

namespace dlfs {
namespace {

template <typename T>
class Forward : public Kernel {
 public:
  explicit Forward(const Site& site)
      : places_(site.in[0].shape(), site.out[0].shape()), w_(site.in[0].as<T>()), y_(site.out[0].as<T>()) {}

  void run(Stream) override {
    for (int i = 0; i < places_.y.count(); ++i)
      if (const int weight = places_.weight_at(i); weight < 0)
        y_[i] = T(0);
      else
        y_[i] = w_[weight];
  }

 private:
  StemPlaces places_;
  const T* w_;
  T* y_;
};

template <typename T>
class Backward : public Kernel {
 public:
  explicit Backward(const Site& site)
      : places_(site.d_in[0].to.shape(), site.d_out[0].shape()),
        d_y_(site.d_out[0].as<T>()),
        d_w_(site.d_in[0].to.as<T>()),
        add_(site.d_in[0].how == Write::add) {}

  void run(Stream) override {
    for (int i = 0; i < places_.w.count(); ++i)
      put(d_w_[i], static_cast<float>(d_y_[places_.place_of(i)]), add_);
  }

 private:
  StemPlaces places_;
  const T* d_y_;
  T* d_w_;
  bool add_;
};

}  // namespace

KernelPtr stem_filter_forward_cpu(Device&, const Site& site, const StemFilterSettings&) {
  return for_type(site.in[0].spec.dtype,
                  [&]<typename T>() -> KernelPtr { return std::make_unique<Forward<T>>(site); });
}

KernelPtr stem_filter_backward_cpu(Device&, const Site& site, const StemFilterSettings&) {
  return for_type(site.d_out[0].spec.dtype,
                  [&]<typename T>() -> KernelPtr { return std::make_unique<Backward<T>>(site); });
}

}  // namespace dlfs
