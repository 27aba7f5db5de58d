#include "dlfs/graph/check.h"

#include <cmath>

#include "dlfs/tensor/half.h"

namespace dlfs {
namespace {

// The reference computes in f32 what another device keeps in 16 bits.
Spec wide(const Spec& spec) { return {spec.shape, is_float(spec.dtype) ? DType::f32 : spec.dtype}; }

double element(const Tensor& tensor, const std::vector<std::byte>& content, size_t i) {
  return number_at(content.data(), tensor.spec.dtype, i);
}

}  // namespace

Tensor Check::copy(const Tensor& tensor, Stream stream) {
  if (!tensor) return {};
  std::vector<std::byte> content(bytes(tensor.spec));
  subject_.download(tensor, content.data(), stream);
  const Spec spec = wide(tensor.spec);
  if (spec != tensor.spec) {
    std::vector<std::byte> widened(bytes(spec));
    convert(content.data(), tensor.spec.dtype, widened.data(), spec.dtype,
            static_cast<size_t>(spec.shape.count()));
    content = std::move(widened);
  }
  memories_.push_back(reference_.allocate(content.size()));
  const Tensor made{spec, memories_.back()->data()};
  reference_.upload(made, content.data(), reference_.stream());
  return made;
}

void Check::before(const Step& step, Stream stream) {
  memories_.clear();
  const auto copy_all = [&](const std::vector<Tensor>& tensors) {
    std::vector<Tensor> made;
    made.reserve(tensors.size());
    for (const Tensor& tensor : tensors) made.push_back(copy(tensor, stream));
    return made;
  };
  site_.in = copy_all(step.site.in);
  site_.out = copy_all(step.site.out);
  site_.saved = copy_all(step.site.saved);
  site_.d_out = copy_all(step.site.d_out);
  site_.precision = Precision::f32;
  site_.d_in.clear();
  // A value used twice has two gradients in one tensor: the copies must be one, too.
  for (const Grad& grad : step.site.d_in) {
    Grad made{{}, grad.how};
    for (size_t i = 0; i < site_.d_in.size(); ++i)
      if (grad.to && step.site.d_in[i].to.data == grad.to.data) made.to = site_.d_in[i].to;
    if (!made.to) made.to = copy(grad.to, stream);
    site_.d_in.push_back(made);
  }
}

void Check::after(const Step& step, Stream stream) {
  const KernelPtr kernel =
      step.backward ? step.function->backward(reference_, site_) : step.function->forward(reference_, site_);
  scratch_.allocate(reference_);
  kernel->run(reference_.stream());
  const Signature& signature = step.signature;
  const Precision precision = step.site.precision;
  if (step.backward) {
    for (size_t i = 0; i < site_.d_in.size(); ++i)
      compare(step, concat("d_in", i), site_.d_in[i].to, step.site.d_in[i].to,
              gradient_tolerance(signature, precision, i), stream);
  } else {
    const double tolerance = output_tolerance(signature, precision);
    for (size_t i = 0; i < site_.out.size(); ++i)
      compare(step, concat("out", i), site_.out[i], step.site.out[i], tolerance, stream);
    for (size_t i = 0; i < site_.saved.size(); ++i)
      compare(step, concat("saved", i), site_.saved[i], step.site.saved[i], tolerance, stream);
    for (size_t i = 0; i < site_.in.size(); ++i)  // written in place, or untouched on both
      compare(step, concat("in", i), site_.in[i], step.site.in[i], tolerance, stream);
  }
  ++steps_;
}

void Check::compare(const Step& step, const std::string& what, const Tensor& wanted, const Tensor& found,
                    double tolerance, Stream stream) {
  if (!wanted) return;
  std::vector<std::byte> ours(bytes(wanted.spec)), theirs(bytes(found.spec));
  reference_.download(wanted, ours.data(), reference_.stream());
  subject_.download(found, theirs.data(), stream);
  if (ours == theirs) return;
  tolerance += storage_tolerance(found.spec.dtype);
  const size_t count = static_cast<size_t>(wanted.shape().count());
  double largest = 0, error = 0;
  size_t worst = 0;
  for (size_t i = 0; i < count && std::isfinite(error); ++i) {
    const double a = element(wanted, ours, i), b = element(found, theirs, i);
    if (std::isfinite(a)) largest = std::max(largest, std::abs(a));
    if (a == b || (std::isnan(a) && std::isnan(b))) continue;
    const double difference = std::abs(a - b);  // infinite or NaN where one of the two is
    if (difference <= error) continue;
    error = difference;
    worst = i;
  }
  if (error <= tolerance * largest) return;
  throw CheckError(
      "check", concat(step.path, ": ", step.function->name(), step.backward ? " backward" : " forward",
                      " differs from the ", reference_.name(), " in ", what, " ", to_string(found.spec),
                      " at ", place_of(worst, wanted.shape()), ": ", element(found, theirs, worst), ", not ",
                      element(wanted, ours, worst), "; relative error ", error / largest, ", tolerance ",
                      tolerance, " (", step.kernel->engine(), ")"));
}

}  // namespace dlfs
