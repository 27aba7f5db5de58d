#include <vector>

#include "dlfs/gpu/walk.cuh"
#include "dlfs/ops/elementwise/formula.h"

namespace dlfs {
namespace {

using namespace elementwise;

// The elements of one formula.
template <typename T, typename Of>
struct Elements {
  using Stored = T;
  Source<T> a, b, y, d;
  ElementwiseSettings settings;

  bool packs() const { return a.packs() && b.packs() && y.packs() && d.packs(); }
  template <int width>
  __device__ Pack<float, width> at(Offsets offsets) const {
    Pack<float, width> in_a{}, in_b{}, in_y{}, in_d{}, values;
    if constexpr (Of::reads & of_a) in_a = a.template at<width>(offsets.a);
    if constexpr (Of::reads & of_b) in_b = b.template at<width>(offsets.b);
    if constexpr (Of::reads & of_y) in_y = y.template at<width>(offsets.whole);
    if constexpr (Of::reads & of_d) in_d = d.template at<width>(offsets.whole);
#pragma unroll
    for (int k = 0; k < width; ++k)
      values.at[k] = Of::at(in_a.at[k], in_b.at[k], in_y.at[k], in_d.at[k], settings);
    return values;
  }
};

template <typename T, typename Of>
Elements<T, Of> elements_of(const Site& site, const Walk& walk, const ElementwiseSettings& settings) {
  const auto source = [&](const std::vector<Tensor>& tensors, size_t i, Walk::Side side, float number) {
    return Source<T>{i < tensors.size() ? tensors[i].as<T>() : nullptr, number,
                     walk.strides[side][Walk::inner] == 0};
  };
  return {source(site.in, 0, Walk::a, settings.left), source(site.in, 1, Walk::b, settings.right),
          source(site.out, 0, Walk::whole, 0), source(site.d_out, 0, Walk::whole, 0), settings};
}

using Work = std::function<void(Stream)>;

template <typename T, typename Of>
Work gradient(const Site& site, size_t input, const ElementwiseSettings& settings) {
  const Walk walk = elementwise_walk(site);
  const auto elements = elements_of<T, Of>(site, walk, settings);
  T* const to = site.d_in[input].to.as<T>();
  const bool add = site.d_in[input].how == Write::add;
  if constexpr (Of::inputs == 2)
    if (site.d_in[input].to.shape() != site.d_out[0].shape()) {
      const SumPlan plan = plan_sum(walk, input == 0 ? Walk::a : Walk::b, width_of(elements));
      site.scratch.request(plan.partial_bytes);
      return [=, &scratch = site.scratch](Stream stream) {
        launch_sum(stream, plan, elements, static_cast<float*>(scratch.data()), to, {.add = add});
      };
    }
  return [=](Stream stream) { launch_store(stream, walk, elements, to, add); };
}

template <typename T, typename Of>
Work value(const Site& site, const ElementwiseSettings& settings) {
  const Walk walk = elementwise_walk(site);
  const auto elements = elements_of<T, Of>(site, walk, settings);
  return [=, to = site.out[0].as<T>()](Stream stream) { launch_store(stream, walk, elements, to, false); };
}

}  // namespace

KernelPtr elementwise_forward_gpu(Device&, const Site& site, const ElementwiseSettings& settings) {
  return with_formula(settings.kind, Part::value, [&]<typename Of>(Of) {
    return for_type(site.out[0].spec.dtype,
                    [&]<typename T>() { return gpu_kernel(value<T, Of>(site, settings)); });
  });
}

// In the order of the inputs: where both are one value, the first is set before the second adds to it.
KernelPtr elementwise_backward_gpu(Device&, const Site& site, const ElementwiseSettings& settings) {
  std::vector<Work> works;
  for (size_t i = 0; i < site.d_in.size(); ++i)
    if (site.d_in[i].how != Write::skip)
      works.push_back(
          with_formula(settings.kind, i == 0 ? Part::gradient_a : Part::gradient_b, [&]<typename Of>(Of) {
            return for_type(site.d_out[0].spec.dtype,
                            [&]<typename T>() { return gradient<T, Of>(site, i, settings); });
          }));
  return gpu_kernel([works](Stream stream) {
    for (const Work& work : works) work(stream);
  });
}

}  // namespace dlfs
