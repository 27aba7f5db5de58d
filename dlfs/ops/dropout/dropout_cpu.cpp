#include "dlfs/ops/dropout/dropout.h"

#include "dlfs/cpu/number.h"

namespace dlfs {
namespace {

// Forward and backward alike: to = (or +=, with add) from * factor.
template <typename T>
class Multiply : public Kernel {
 public:
  Multiply(const Tensor& from, const Grad& to, const Tensor& step, const DropoutMask& mask)
      : from_(from), to_(to), step_(step.as<int32_t>()), mask_(mask) {}

  void run(Stream) override {
    const Random numbers = mask_.numbers(*step_);
    const T* __restrict const from = from_.as<T>();
    T* __restrict const to = to_.to.as<T>();
    const int64_t count = from_.shape().count();
    const float factors[] = {mask_.scale, 0};  // looked up: a branch would be guessed wrong again and again
    const auto factor = [&](int64_t i) { return factors[mask_.drops(numbers, i)]; };
    if (to_.how == Write::add)
      for (int64_t i = 0; i < count; ++i) put(to[i], static_cast<float>(from[i]) * factor(i), true);
    else
      for (int64_t i = 0; i < count; ++i) to[i] = static_cast<T>(static_cast<float>(from[i]) * factor(i));
  }

 private:
  Tensor from_;
  Grad to_;
  const int32_t* step_;
  DropoutMask mask_;
};

KernelPtr multiply(const Tensor& from, const Grad& to, const Tensor& step, const DropoutMask& mask) {
  return for_type(from.spec.dtype, [&]<typename T>() -> KernelPtr {
    return std::make_unique<Multiply<T>>(from, to, step, mask);
  });
}

}  // namespace

KernelPtr dropout_forward_cpu(Device&, const Site& site, const DropoutMask& mask) {
  return multiply(site.in[0], Grad{site.out[0], Write::set}, site.in[1], mask);
}

KernelPtr dropout_backward_cpu(Device&, const Site& site, const DropoutMask& mask) {
  return multiply(site.d_out[0], site.d_in[0], site.in[1], mask);
}

}  // namespace dlfs
