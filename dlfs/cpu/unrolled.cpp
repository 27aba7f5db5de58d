#include "dlfs/cpu/unrolled.h"

#include <algorithm>

#include "dlfs/cpu/matmul.h"
#include "dlfs/cpu/number.h"

namespace dlfs {
namespace {

int64_t positions_of(const Shape& map) { return int64_t{map.n} * map.h * map.w; }

// The windows of a map x, of which y has one a position.
struct Unrolling {
  Convolution of;
  Shape x, y, w;

  // In the order of rows, visit(piece, pixel): c numbers of them, and where in x these lie, -1 for the padding.
  template <typename Visit>
  void each(const Visit& visit) const {
    int64_t piece = 0;
    for (int n = 0; n < y.n; ++n)
      for (int i = 0; i < y.h; ++i)
        for (int j = 0; j < y.w; ++j)
          for (int r = 0; r < w.h; ++r)
            for (int s = 0; s < w.w; ++s) {
              const int row = i * of.stride - of.pad + r * of.dilation;
              const int column = j * of.stride - of.pad + s * of.dilation;
              const bool inside = row >= 0 && row < x.h && column >= 0 && column < x.w;
              visit(x.c * piece++, inside ? ((int64_t{n} * x.h + row) * x.w + column) * x.c : -1);
            }
  }

  Operand room(Program& program, DType dtype) const {
    return program.temporary({{static_cast<int>(positions_of(y)), w.h, w.w, w.c}, dtype});
  }
};

Matrix by_position(const Operand& map) {
  Matrix made(map);
  made.rows = positions_of(map.spec.shape);
  made.columns = made.row_step = map.spec.shape.c;
  return made;
}

// The rows of x.
Operand unrolled(Program& program, const Unrolling& windows, const Operand& x) {
  const Operand rows = windows.room(program, x.spec.dtype);
  for_type(x.spec.dtype, [&]<typename T>() {
    program.add([=](std::byte* scratch) {
      const T* const from = x.at<T>(scratch);
      T* const to = rows.at<T>(scratch);
      windows.each([&](int64_t piece, int64_t pixel) {
        if (pixel < 0)
          std::fill_n(to + piece, windows.x.c, T(0));
        else
          std::copy_n(from + pixel, windows.x.c, to + piece);
      });
    });
  });
  return rows;
}

}  // namespace

bool few_positions(const Convolution& of, const Shape& y, const Shape& w) {
  return of.groups == 1 && 2 * positions_of(y) <= w.n;
}

void add_unrolled(Program& program, const Convolution& of, const Operand& x, const Operand& w,
                  const Operand& bias, const Operand& y) {
  const Unrolling windows{of, x.spec.shape, y.spec.shape, w.spec.shape};
  add_matmul(program, Matrix(unrolled(program, windows, x)), Matrix(w).transposed(), bias, by_position(y));
}

void add_unrolled_data(Program& program, const Convolution& of, const Operand& d_y, const Operand& w,
                       const Sink& d_x) {
  const Unrolling windows{of, d_x.to.spec.shape, d_y.spec.shape, w.spec.shape};
  const Operand rows = windows.room(program, DType::f32);
  const Operand sums = program.temporary({d_x.to.spec.shape, DType::f32});
  add_matmul(program, by_position(d_y), Matrix(w), {}, Matrix(rows));
  for_type(d_x.to.spec.dtype, [&]<typename T>() {
    program.add([=](std::byte* scratch) {
      const float* __restrict const from = rows.at(scratch);
      float* __restrict const sum = sums.at(scratch);
      std::fill_n(sum, windows.x.count(), 0.0F);
      windows.each([&](int64_t piece, int64_t pixel) {
        if (pixel < 0) return;
        for (int c = 0; c < windows.x.c; ++c) sum[pixel + c] += from[piece + c];
      });
      put(sum, windows.x.count(), d_x.to.at<T>(scratch), d_x.add);
    });
  });
}

void add_unrolled_weights(Program& program, const Convolution& of, const Operand& x, const Operand& d_y,
                          const Sink& d_w) {
  const Unrolling windows{of, x.spec.shape, d_y.spec.shape, d_w.to.spec.shape};
  add_matmul(program, by_position(d_y).transposed(), Matrix(unrolled(program, windows, x)), {},
             Matrix(d_w.to), {.add = d_w.add});
}

}  // namespace dlfs
