#include "dlfs/cpu/matmul.h"

#include <oneapi/dnnl/dnnl.hpp>
#include <utility>

namespace dlfs {
namespace {

constexpr dnnl::memory::data_type f32 = dnnl::memory::data_type::f32;

dnnl::memory::desc format(const Matrix& matrix) {
  return {{matrix.rows, matrix.columns}, f32, dnnl::memory::dims{matrix.row_step, matrix.column_step}};
}

}  // namespace

Matrix Matrix::transposed() const {
  Matrix turned = *this;
  std::swap(turned.rows, turned.columns);
  std::swap(turned.row_step, turned.column_step);
  return turned;
}

void add_matmul(Program& program, const Matrix& a, const Matrix& b, const Operand& bias, const Matrix& c,
                const MatmulSettings& settings) try {
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  attributes.set_fpmath_mode(dnnl::fpmath_mode::strict);
  if (settings.add) {
    dnnl::post_ops sum;
    sum.append_sum(1);
    attributes.set_post_ops(sum);
  }
  const dnnl::memory::desc bias_format =
      bias ? dnnl::memory::desc({1, c.columns}, f32, dnnl::memory::format_tag::ab) : dnnl::memory::desc();
  const dnnl::matmul::primitive_desc description(engine, format(a), format(b), bias_format, format(c),
                                                 attributes);
  add_primitive(
      program, description,
      {{DNNL_ARG_SRC, a.of}, {DNNL_ARG_WEIGHTS, b.of}, {DNNL_ARG_BIAS, bias}, {DNNL_ARG_DST, c.of}});
  program.note(description.impl_info_str());
} catch (const dnnl::error& error) {
  refuse("matmul", error);
}

}  // namespace dlfs
