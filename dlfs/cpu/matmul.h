// Products of matrices by oneDNN, appended to a Program. Faster than its inner product and three to eight times
// faster than its 1x1 convolution for one row an image, and it takes any strides: no transposing, no reorders.
#pragma once

#include "dlfs/cpu/program.h"

namespace dlfs {

// A tensor [n,h,w,c] read as n rows of h * w * c, or turned over.
struct Matrix {
  explicit Matrix(const Operand& operand)
      : of(operand),
        rows(operand.spec.shape.n),
        columns(operand.spec.shape.count() / rows),
        row_step(columns) {}
  Matrix transposed() const;

  Operand of;
  int64_t rows, columns;
  int64_t row_step, column_step = 1;
};

struct MatmulSettings {
  bool add = false;          // c += instead of c =
  Device* keeper = nullptr;  // of inference: gives the memory of a `b` that is packed in refresh()
  bool relu = false;         // of inference: oneDNN's, which turns NaN into 0
};

// c = a b + bias; a, b and c f32 or all bf16, bias f32 [1,1,1,columns of c] or none.
void add_matmul(Program&, const Matrix& a, const Matrix& b, const Operand& bias, const Matrix& c,
                const MatmulSettings& settings = {});

}  // namespace dlfs
