#include "dlfs/cpu/walk.h"

#include <algorithm>

#include "dlfs/cpu/number.h"

namespace dlfs {
namespace {

constexpr int most = longest_stretch;

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
  for_type(to.spec.dtype, [&]<typename T>() {
    program.add([walk, fill, to, add = settings.add](std::byte* scratch) {
      T* const whole = to.at<T>(scratch);
      std::array<float, most> results;
      each_stretch(walk, [&](const WalkStretch& stretch) {
        T* __restrict const values = whole + stretch.at[Walk::whole];
        if constexpr (std::is_same_v<T, float>)
          if (!add) return fill(stretch, values);
        fill(stretch, results.data());
        put(results.data(), stretch.count, values, add);
      });
    });
  });
}

void add_sum_over(Program& program, const Walk& walk, const StretchFill& fill, const Operand& to,
                  const SumOverSettings& settings) {
  const int64_t count = to.spec.shape.count();
  const Operand totals = program.temporary_bytes(count * sizeof(double));
  program.add([walk, fill, to, settings, count, totals](std::byte* scratch) {
    auto* const total = totals.at<double>(scratch);
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
    for_type(to.spec.dtype, [&]<typename T>() {
      T* const values = to.at<T>(scratch);
      for (int64_t i = 0; i < count; ++i) put(values[i], settings.scale * total[i], settings.add);
    });
  });
}

}  // namespace dlfs
