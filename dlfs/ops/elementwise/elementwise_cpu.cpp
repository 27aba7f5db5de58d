#include "dlfs/cpu/number.h"
#include "dlfs/cpu/walk.h"
#include "dlfs/ops/elementwise/formula.h"

namespace dlfs {
namespace {

using namespace elementwise;

struct Sources {
  const float *a, *b, *y, *d;  // what a formula does not read may be null
};

using Loop = void (*)(const Sources& from, int count, float* to, ElementwiseSettings settings);

// A step of 0 repeats one number.
template <typename Of, int AStep, int BStep>
void loop(const Sources& from, int count, float* to, ElementwiseSettings settings) {
  const float *const a = from.a, *const b = from.b, *const y = from.y, *const d = from.d;
  float* __restrict const results = to;
  for (int i = 0; i < count; ++i)
    results[i] = Of::at(Of::reads & of_a ? a[i * AStep] : 0, Of::reads & of_b ? b[i * BStep] : 0,
                        Of::reads & of_y ? y[i] : 0, Of::reads & of_d ? d[i] : 0, settings);
}

bool steps(const Walk& walk, Walk::Side side) { return walk.strides[side][Walk::inner] != 0; }

Loop loop_of(Elementwise kind, Part part, const Walk& walk) {
  const bool a_steps = steps(walk, Walk::a), b_steps = steps(walk, Walk::b);
  return with_formula(kind, part, [&](auto formula) -> Loop {
    using Of = decltype(formula);
    if (a_steps) return b_steps ? loop<Of, 1, 1> : loop<Of, 1, 0>;
    return b_steps ? loop<Of, 0, 1> : loop<Of, 0, 0>;
  });
}

StretchFill fill_with(const ElementwiseSettings& settings, Part part, const Walk& walk, const Site& site) {
  const auto tensor = [](const std::vector<Tensor>& tensors, size_t i) {
    return i < tensors.size() ? tensors[i] : Tensor{};
  };
  return [a = tensor(site.in, 0), b = tensor(site.in, 1), y = tensor(site.out, 0), d = tensor(site.d_out, 0),
          a_steps = steps(walk, Walk::a), b_steps = steps(walk, Walk::b), settings,
          loop = loop_of(settings.kind, part, walk)](const WalkStretch& stretch, float* results) {
    float room[4][longest_stretch];
    const auto from = [&](const Tensor& of, Walk::Side side, int count, float* wide, const float* otherwise) {
      return of ? as_f32(of, stretch.at[side], count, wide) : otherwise;
    };
    const int count = stretch.count;
    loop({from(a, Walk::a, a_steps ? count : 1, room[0], &settings.left),
          from(b, Walk::b, b_steps ? count : 1, room[1], &settings.right),
          from(y, Walk::whole, count, room[2], nullptr), from(d, Walk::whole, count, room[3], nullptr)},
         count, results, settings);
  };
}

}  // namespace

KernelPtr elementwise_forward_cpu(Device&, const Site& site, const ElementwiseSettings& settings) {
  auto program = program_in(site.scratch);
  const Walk walk = elementwise_walk(site);
  add_map(*program, walk, fill_with(settings, Part::value, walk, site), site.out[0]);
  return program;
}

KernelPtr elementwise_backward_cpu(Device&, const Site& site, const ElementwiseSettings& settings) {
  auto program = program_in(site.scratch);
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
  return program;
}

}  // namespace dlfs
