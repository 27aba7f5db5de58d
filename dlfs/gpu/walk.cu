#include "dlfs/gpu/walk.cuh"

#include <algorithm>

namespace dlfs {
namespace {

// The axes of a walk for which `taken` says so.
template <typename Taken>
Axes axes_of(const Walk& walk, int width, Taken taken) {
  Axes made;
  int at = Walk::inner + 1;
  for (int axis = Walk::inner; axis >= 0; --axis) {
    if (walk.extents[axis] == 1 || !taken(axis)) continue;
    const unsigned step = axis == Walk::inner ? width : 1;
    made.first = --at;
    made.extents[at] = Divisor(walk.extents[axis] / step);
    made.strides[at] = {walk.strides[Walk::whole][axis] * step, walk.strides[Walk::a][axis] * step,
                        walk.strides[Walk::b][axis] * step};
    made.count *= walk.extents[axis] / step;
  }
  return made;
}

unsigned shares(unsigned count, unsigned most) { return (count + most - 1) / most; }
// The size of equal shares of at most `most`.
unsigned even_share(unsigned count, unsigned most) { return shares(count, shares(count, most)); }

SumPass plan_pass(const Walk& walk, Walk::Side side, int width, unsigned most_columns, unsigned most_parts) {
  const auto& strides = walk.strides[side];
  SumPass pass{.kept = axes_of(walk, width, [&](int axis) { return strides[axis] != 0; }),
               .reduced = axes_of(walk, width, [&](int axis) { return strides[axis] == 0; }),
               .inner_kept = strides[Walk::inner] != 0,
               .width = width};
  const unsigned kept = pass.kept.count, reduced = pass.reduced.count;
  if (pass.inner_kept) {
    pass.columns = even_share(kept, std::max(most_columns, walk_threads / reduced));
  } else {
    pass.lines = even_share(reduced, width == 1 ? 32 : 8);  // 128 bytes side by side
    pass.columns = std::min(kept, walk_threads / pass.lines);
  }
  pass.lines = std::min(reduced, walk_threads / pass.columns);
  pass.blocks = shares(kept, pass.columns);
  // Enough blocks for every card, and at least eight reads a thread.
  const unsigned parts =
      std::clamp(shares(most_parts, pass.blocks), 1U, std::max(1U, reduced / (pass.lines * 8)));
  pass.part_size = shares(reduced, parts);
  pass.parts = shares(reduced, pass.part_size);
  return pass;
}

}  // namespace

Axes all_axes(const Walk& walk, int width) {
  return axes_of(walk, width, [](int) { return true; });
}

int inner_width(const Walk& walk, int packs) { return walk.extents[Walk::inner] % packs == 0 ? packs : 1; }

SumPlan plan_sum(const Walk& walk, Walk::Side side, int width) {
  SumPlan plan;
  plan.first = plan_pass(walk, side, inner_width(walk, width), 64, 512);
  if (plan.first.parts == 1) return plan;
  const int parts = static_cast<int>(plan.first.parts);
  const int kept = static_cast<int>(plan.first.kept.count) * (plan.first.inner_kept ? plan.first.width : 1);
  const int wide = kept % 4 == 0 ? 4 : 1;
  plan.second = plan_pass(dlfs::walk({parts, 1, 1, kept}, {1, 1, 1, kept}, {1, 1, 1, kept}), Walk::a, wide,
                          32 / wide, 1);
  plan.partial_bytes = sizeof(float) * parts * kept;
  return plan;
}

}  // namespace dlfs
