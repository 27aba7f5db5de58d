#include "dlfs/graph/function.h"

namespace dlfs {

std::string to_string(Precision precision) { return precision == Precision::f32 ? "f32" : "tf32"; }

void Scratch::allocate(Device& device) {
  if (wanted_ > size()) blocks_.push_back(device.allocate(wanted_));
}

KernelPtr Function::backward(Device&, const Site&) const {
  throw ShapeError(name(), "has no gradient, so nothing before it can be trained through it");
}

}  // namespace dlfs
