#include "dlfs/graph/function.h"

#include <cmath>

#include "dlfs/tensor/half.h"

namespace dlfs {

std::string to_string(Precision precision) {
  return precision == Precision::tf32 ? "tf32" : to_string(matrix_type(precision));
}

DType matrix_type(Precision precision) {
  return precision == Precision::f16 ? DType::f16 : precision == Precision::bf16 ? DType::bf16 : DType::f32;
}

double storage_tolerance(DType dtype) { return 2 * rounding_of(dtype); }

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
