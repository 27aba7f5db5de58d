#include <algorithm>

#include "dlfs/cpu/number.h"
#include "dlfs/ops/concat/concat.h"

namespace dlfs {
namespace {

template <typename T>
class Forward : public Kernel {
 public:
  Forward(const Site& site, const ConcatSettings& settings)
      : channels_(settings.channels), maps_(site.in), y_(site.out[0]) {}

  void run(Stream) override {
    const int64_t pixels = y_.shape().count() / y_.shape().c;
    T* to = y_.as<T>();
    for (int64_t pixel = 0; pixel < pixels; ++pixel)
      for (size_t i = 0; i < maps_.size(); ++i)
        to = std::copy_n(maps_[i].as<T>() + pixel * channels_[i], channels_[i], to);
  }

 private:
  std::vector<int> channels_;
  std::vector<Tensor> maps_;
  Tensor y_;
};

// Map after map: where two are one value, the second adds to what the first has set.
template <typename T>
class Backward : public Kernel {
 public:
  Backward(const Site& site, const ConcatSettings& settings)
      : channels_(settings.channels), d_y_(site.d_out[0]), d_maps_(site.d_in) {}

  void run(Stream) override {
    const T* from = d_y_.as<T>();
    for (size_t i = 0; i < d_maps_.size(); from += channels_[i++])
      if (d_maps_[i].how != Write::skip) pass(from, d_maps_[i], channels_[i]);
  }

 private:
  void pass(const T* from, const Grad& to, int channels) const {
    const int all = d_y_.shape().c;
    const int64_t pixels = d_y_.shape().count() / all;
    for (int64_t pixel = 0; pixel < pixels; ++pixel) {
      const T* __restrict const gradients = from + pixel * all;
      T* __restrict const d_map = to.to.as<T>() + pixel * channels;
      if (to.how == Write::set)
        std::copy_n(gradients, channels, d_map);
      else
        for (int c = 0; c < channels; ++c) put(d_map[c], static_cast<float>(gradients[c]), true);
    }
  }

  std::vector<int> channels_;
  Tensor d_y_;
  std::vector<Grad> d_maps_;
};

}  // namespace

KernelPtr concat_forward_cpu(Device&, const Site& site, const ConcatSettings& settings) {
  return for_type(site.out[0].spec.dtype,
                  [&]<typename T>() -> KernelPtr { return std::make_unique<Forward<T>>(site, settings); });
}

KernelPtr concat_backward_cpu(Device&, const Site& site, const ConcatSettings& settings) {
  return for_type(site.d_out[0].spec.dtype,
                  [&]<typename T>() -> KernelPtr { return std::make_unique<Backward<T>>(site, settings); });
}

}  // namespace dlfs
