#include "dlfs/testing/spoilers.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "dlfs/tensor/half.h"

namespace dlfs::testing {
namespace {

// On the CPU only: a kernel and what happens to its tensors afterwards.
class Spoiled : public Kernel {
 public:
  Spoiled(KernelPtr kernel, std::function<void()> spoil)
      : kernel_(std::move(kernel)), spoil_(std::move(spoil)) {}
  void run(Stream stream) override {
    kernel_->run(stream);
    spoil_();
  }

 private:
  KernelPtr kernel_;
  std::function<void()> spoil_;
};

class Wrapper : public Function {
 public:
  explicit Wrapper(FunctionPtr inner) : inner_(std::move(inner)) {}
  std::string name() const override { return inner_->name(); }
  std::string settings() const override { return inner_->settings(); }
  Signature infer(const Inputs& in) const override { return inner_->infer(in); }
  Needs needs() const override { return inner_->needs(); }
  KernelPtr forward(Device& device, const Site& site) const override { return inner_->forward(device, site); }
  KernelPtr backward(Device& device, const Site& site) const override {
    return inner_->backward(device, site);
  }

 protected:
  FunctionPtr inner_;
};

class ZeroBackward : public Wrapper {
 public:
  using Wrapper::Wrapper;
  KernelPtr backward(Device& device, const Site& site) const override {
    return std::make_unique<Spoiled>(inner_->backward(device, site), [gradients = site.d_in] {
      for (const Grad& gradient : gradients)
        if (gradient.how == Write::set)
          std::fill_n(gradient.to.as<float>(), gradient.to.shape().count(), 0.0f);
    });
  }
};

class SetForAdd : public Wrapper {
 public:
  using Wrapper::Wrapper;
  KernelPtr backward(Device& device, const Site& site) const override {
    Site wrong = site;
    for (Grad& gradient : wrong.d_in)
      if (gradient.how == Write::add) gradient.how = Write::set;
    return inner_->backward(device, wrong);
  }
};

class WrongLargest : public Wrapper {
 public:
  using Wrapper::Wrapper;
  KernelPtr forward(Device& device, const Site& site) const override {
    return std::make_unique<Spoiled>(inner_->forward(device, site), [out = site.out[0]] {
      float* first = out.as<float>();
      *std::max_element(first, first + out.shape().count(),
                        [](float a, float b) { return std::abs(a) < std::abs(b); }) *= 1.01f;
    });
  }
};

class CoarseHalves : public Wrapper {
 public:
  using Wrapper::Wrapper;
  KernelPtr forward(Device& device, const Site& site) const override {
    return std::make_unique<Spoiled>(inner_->forward(device, site), [out = site.out[0]] {
      if (out.spec.dtype == DType::f32) return;
      for (size_t i = 0; i < static_cast<size_t>(out.shape().count()); ++i) {
        int exponent = 0;
        const double mantissa = std::frexp(number_at(out.data, out.spec.dtype, i), &exponent);
        set_number(out.data, out.spec.dtype, i,
                   std::ldexp(std::round(std::ldexp(mantissa, 5)), exponent - 5));
      }
    });
  }
};

}  // namespace

FunctionPtr with_zero_backward(FunctionPtr function) {
  return std::make_shared<ZeroBackward>(std::move(function));
}
FunctionPtr with_set_for_add(FunctionPtr function) {
  return std::make_shared<SetForAdd>(std::move(function));
}
FunctionPtr with_wrong_largest(FunctionPtr function) {
  return std::make_shared<WrongLargest>(std::move(function));
}
FunctionPtr with_coarse_halves(FunctionPtr function) {
  return std::make_shared<CoarseHalves>(std::move(function));
}

}  // namespace dlfs::testing
