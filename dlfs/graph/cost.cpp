#include "dlfs/graph/cost.h"

#include <algorithm>
#include <set>

namespace dlfs {
namespace {

double bytes_of(const Step& step) {
  std::set<void*> seen;
  double sum = 0;
  const auto move = [&](const Tensor& tensor, int times = 1) {
    if (tensor && seen.insert(tensor.data).second) sum += times * static_cast<double>(bytes(tensor.spec));
  };
  const Site& site = step.site;
  if (!step.backward)
    for (const int updated : step.signature.updates) move(site.in[updated], 2);
  for (const Grad& grad : site.d_in) move(grad.to, grad.how == Write::add ? 2 : 1);
  for (const auto* list : {&site.in, &site.out, &site.saved, &site.d_out})
    for (const Tensor& tensor : *list) move(tensor);
  return sum;
}

// The gradient by either factor (an op's first two inputs) repeats the products of forward, each to be added up elsewhere.
// That of a bias is a sum of no products.
double products_of(const Step& step) {
  const Signature& signature = step.signature;
  const auto forward = static_cast<double>(products(signature));
  if (!step.backward) return forward;
  double sum = 0;
  const size_t factors = std::min({step.site.d_in.size(), signature.gradient_terms.size(), size_t{2}});
  for (size_t i = 0; i < factors; ++i)
    if (const Tensor& to = step.site.d_in[i].to)
      sum += std::min(forward, static_cast<double>(signature.gradient_terms[i] * to.shape().count()));
  return sum;
}

}  // namespace

int64_t products(const Signature& signature) {
  return signature.matrix_work ? signature.outputs[0].shape.count() * signature.terms : 0;
}

Cost cost_of(const Step& step) { return {.bytes = bytes_of(step), .flops = 2 * products_of(step)}; }

double floor_seconds(const Cost& cost, const Rates& rates) {
  return std::max(cost.bytes / rates.bytes, cost.flops / rates.flops);
}

}  // namespace dlfs
