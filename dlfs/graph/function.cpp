#include "dlfs/graph/function.h"

#include <cmath>

namespace dlfs {

std::string to_string(Precision precision) { return precision == Precision::f32 ? "f32" : "tf32"; }

static double tolerance(int64_t terms, bool rounded) {
  return rounded ? 4 * 0x1p-11 : 8 * 0x1p-24 * (1 + std::sqrt(static_cast<double>(terms)));
}

double output_tolerance(const Signature& signature, Precision precision) {
  return tolerance(signature.terms, signature.matrix_work && precision == Precision::tf32);
}

double gradient_tolerance(const Signature& signature, Precision precision, size_t input) {
  const int64_t terms = input < signature.gradient_terms.size() ? signature.gradient_terms[input] : 1;
  return tolerance(terms, signature.matrix_work && precision == Precision::tf32);
}

void Scratch::allocate(Device& device) {
  if (wanted_ > size()) blocks_.push_back(device.allocate(wanted_));
}

KernelPtr Function::backward(Device&, const Site&) const {
  throw ShapeError(name(), "has no gradient, so nothing before it can be trained through it");
}

}  // namespace dlfs
