#include "dlfs/cpu/walk.h"
#include "dlfs/ops/elementwise/formula.h"

namespace dlfs {
namespace {

using namespace elementwise;

template <typename T>
struct Sources {
  const T *a, *b, *y, *d;  // what a formula does not read may be null
};

template <typename T>
using Loop = void (*)(const Sources<T>& from, int count, float* to, ElementwiseSettings settings);

// A step of 0 repeats one number.
template <typename T, typename Of, int AStep, int BStep>
void loop(const Sources<T>& from, int count, float* to, ElementwiseSettings settings) {
  const T *const a = from.a, *const b = from.b, *const y = from.y, *const d = from.d;
  float* __restrict const results = to;
  for (int i = 0; i < count; ++i)
    results[i] = Of::at(Of::reads & of_a ? a[i * AStep] : 0, Of::reads & of_b ? b[i * BStep] : 0,
                        Of::reads & of_y ? y[i] : 0, Of::reads & of_d ? d[i] : 0, settings);
}

template <typename T>
Loop<T> loop_of(Elementwise kind, Part part, const Walk& walk) {
  const bool a_steps = walk.strides[Walk::a][Walk::inner] != 0,
             b_steps = walk.strides[Walk::b][Walk::inner] != 0;
  return with_formula(kind, part, [&](auto formula) -> Loop<T> {
    using Of = decltype(formula);
    if (a_steps) return b_steps ? loop<T, Of, 1, 1> : loop<T, Of, 1, 0>;
    return b_steps ? loop<T, Of, 0, 1> : loop<T, Of, 0, 0>;
  });
}

StretchFill fill_with(const ElementwiseSettings& settings, Part part, const Walk& walk, const Site& site) {
  const auto data = [](const std::vector<Tensor>& tensors, size_t i) -> const float* {
    return i < tensors.size() ? tensors[i].as<float>() : nullptr;
  };
  const Sources<float> of{data(site.in, 0), data(site.in, 1), data(site.out, 0), data(site.d_out, 0)};
  return [of, settings, loop = loop_of<float>(settings.kind, part, walk)](const WalkStretch& stretch,
                                                                          float* results) {
    const auto from = [&](const float* tensor, Walk::Side side, const float* otherwise) {
      return tensor == nullptr ? otherwise : tensor + stretch.at[side];
    };
    const Sources<float> here{from(of.a, Walk::a, &settings.left), from(of.b, Walk::b, &settings.right),
                              from(of.y, Walk::whole, nullptr), from(of.d, Walk::whole, nullptr)};
    loop(here, stretch.count, results, settings);
  };
}

}  // namespace

KernelPtr elementwise_forward_cpu(Device&, const Site& site, const ElementwiseSettings& settings) {
  auto program = std::make_unique<Program>([] { return nullptr; });
  const Walk walk = elementwise_walk(site);
  add_map(*program, walk, fill_with(settings, Part::value, walk, site), site.out[0]);
  return program;
}

KernelPtr elementwise_backward_cpu(Device&, const Site& site, const ElementwiseSettings& settings) {
  auto program = std::make_unique<Program>([&scratch = site.scratch] { return scratch.data(); });
  const Walk walk = elementwise_walk(site);
  for (size_t i = 0; i < site.d_in.size(); ++i) {
    const auto& [to, how] = site.d_in[i];
    if (how == Write::skip) continue;
    const bool add = how == Write::add;
    const StretchFill fill = fill_with(settings, i == 0 ? Part::gradient_a : Part::gradient_b, walk, site);
    if (to.shape() == site.d_out[0].shape())
      add_map(*program, walk, fill, to, {.add = add});
    else
      add_sum_over(*program, walk, fill, to, {.side = i == 0 ? Walk::a : Walk::b, .add = add});
  }
  site.scratch.request(program->scratch_bytes());
  return program;
}

}  // namespace dlfs
