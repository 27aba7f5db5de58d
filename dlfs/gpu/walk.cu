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
    pass.lines = even_share(reduced, 32 / width);  // 128 bytes side by side
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

bool inner_in_packs(const Walk& walk) { return walk.extents[Walk::inner] % 4 == 0; }

SumPlan plan_sum(const Walk& walk, Walk::Side side, bool aligned) {
  SumPlan plan;
  plan.first = plan_pass(walk, side, aligned && inner_in_packs(walk) ? 4 : 1, 64, 512);
  if (plan.first.parts == 1) return plan;
  const int parts = static_cast<int>(plan.first.parts);
  const int kept = static_cast<int>(plan.first.kept.count) * (plan.first.inner_kept ? plan.first.width : 1);
  const int width = kept % 4 == 0 ? 4 : 1;
  plan.second = plan_pass(dlfs::walk({parts, 1, 1, kept}, {1, 1, 1, kept}, {1, 1, 1, kept}), Walk::a, width,
                          32 / width, 1);
  plan.partial_bytes = sizeof(float) * parts * kept;
  return plan;
}

}  // namespace dlfs
