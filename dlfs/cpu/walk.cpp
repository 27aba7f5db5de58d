#include "dlfs/cpu/walk.h"

#include <algorithm>

namespace dlfs {
namespace {

constexpr int most = 1024;  // numbers in a stretch: they stay in the nearest cache

template <typename Visit>
void each_stretch(const Walk& walk, Visit visit) {
  const std::array<int, 4>& extents = walk.extents;
  for (int i = 0; i < extents[0]; ++i)
    for (int j = 0; j < extents[1]; ++j)
      for (int k = 0; k < extents[2]; ++k)
        for (int from = 0; from < extents[Walk::inner]; from += most) {
          WalkStretch stretch{{}, std::min(most, extents[Walk::inner] - from)};
          for (size_t side = 0; side < 3; ++side) {
            const std::array<int, 4>& strides = walk.strides[side];
            stretch.at[side] = int64_t{i} * strides[0] + int64_t{j} * strides[1] + int64_t{k} * strides[2] +
                               int64_t{from} * strides[Walk::inner];
          }
          visit(stretch);
        }
}

// In eight sums side by side, which the compiler keeps in vectors.
double sum_of(const float* values, int count) {
  std::array<double, 8> sums{};
  int i = 0;
  for (; i + 8 <= count; i += 8)
    for (int lane = 0; lane < 8; ++lane) sums[lane] += values[i + lane];
  double sum = 0;
  for (; i < count; ++i) sum += values[i];
  for (const double lane : sums) sum += lane;
  return sum;
}

}  // namespace

void add_map(Program& program, const Walk& walk, const StretchFill& fill, const Operand& to,
             const StoreSettings& settings) {
  program.add([walk, fill, to, add = settings.add](std::byte* scratch) {
    float* const whole = to.at(scratch);
    std::array<float, most> results;
    each_stretch(walk, [&](const WalkStretch& stretch) {
      float* __restrict const values = whole + stretch.at[Walk::whole];
      fill(stretch, add ? results.data() : values);
      if (add)
        for (int i = 0; i < stretch.count; ++i) values[i] += results[i];
    });
  });
}

void add_sum_over(Program& program, const Walk& walk, const StretchFill& fill, const Operand& to,
                  const SumOverSettings& settings) {
  const int64_t count = to.spec.shape.count();
  const Operand totals = program.temporary_bytes(count * sizeof(double));
  program.add([walk, fill, to, settings, count, totals](std::byte* scratch) {
    auto* const total = reinterpret_cast<double*>(totals.at(scratch));
    std::fill_n(total, count, 0.0);
    const bool kept = walk.strides[settings.side][Walk::inner] != 0;
    std::array<float, most> results;
    each_stretch(walk, [&](const WalkStretch& stretch) {
      fill(stretch, results.data());
      double* __restrict const sums = total + stretch.at[settings.side];
      if (kept)
        for (int i = 0; i < stretch.count; ++i) sums[i] += results[i];
      else
        *sums += sum_of(results.data(), stretch.count);
    });
    float* const values = to.at(scratch);
    for (int64_t i = 0; i < count; ++i)
      values[i] = static_cast<float>(settings.scale * total[i] + (settings.add ? values[i] : 0));
  });
}

}  // namespace dlfs
