// Functions without kernels, for tests of traces, differentiation and placement that need no device.
#pragma once

#include <memory>
#include <string>

#include "dlfs/graph/trace.h"

namespace dlfs::testing {

// Takes any inputs; gives `outputs` tensors of the first input's spec (or scalars), saves `saved` of them.
struct NullSettings {
  std::string name = "null";
  int outputs = 1;
  int saved = 0;
  bool scalar = false;
  Needs needs = Needs();
  std::vector<int> updates = {};
};

class NullFunction : public Function {
 public:
  explicit NullFunction(NullSettings settings) : settings_(std::move(settings)) {}
  std::string name() const override { return settings_.name; }
  Signature infer(const Inputs& in) const override {
    const Spec spec = settings_.scalar ? Spec{{1, 1, 1, 1}} : in[0];
    return {.outputs = std::vector<Spec>(settings_.outputs, spec),
            .saved = std::vector<Spec>(settings_.saved, in[0]),
            .updates = settings_.updates};
  }
  Needs needs() const override { return settings_.needs; }
  KernelPtr forward(Device&, const Site&) const override { return nullptr; }

 private:
  NullSettings settings_;
};

inline std::vector<Value> apply_null(NullSettings settings, const std::vector<Value>& in) {
  Trace& trace = in[0].trace();
  return trace.apply(std::make_shared<NullFunction>(std::move(settings)), in);
}

}  // namespace dlfs::testing
