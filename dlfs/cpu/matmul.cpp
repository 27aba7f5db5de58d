#include "dlfs/cpu/matmul.h"

#include <oneapi/dnnl/dnnl.hpp>
#include <utility>

namespace dlfs {
namespace {

using dnnl::memory;

memory::data_type type_of(const Matrix& matrix) {
  return matrix.of.spec.dtype == DType::bf16 ? memory::data_type::bf16 : memory::data_type::f32;
}

memory::desc format(const Matrix& matrix) {
  return {{matrix.rows, matrix.columns}, type_of(matrix), memory::dims{matrix.row_step, matrix.column_step}};
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
  dnnl::post_ops after;
  if (settings.add) after.append_sum(1);
  if (settings.relu) after.append_eltwise(dnnl::algorithm::eltwise_relu, 0, 0);
  attributes.set_post_ops(after);
  const memory::desc bias_format =
      bias ? memory::desc({1, c.columns}, memory::data_type::f32, memory::format_tag::ab) : memory::desc();
  const memory::desc b_format = settings.keeper != nullptr
                                    ? memory::desc({b.rows, b.columns}, type_of(b), memory::format_tag::any)
                                    : format(b);
  const dnnl::matmul::primitive_desc description(engine, format(a), b_format, bias_format, format(c),
                                                 attributes);
  Operand packed = b.of;
  if (settings.keeper != nullptr) {
    packed = program.keep(settings.keeper->allocate(description.weights_desc().get_size()));
    add_primitive(program,
                  dnnl::reorder::primitive_desc(engine, format(b), engine, description.weights_desc()),
                  {{DNNL_ARG_FROM, b.of}, {DNNL_ARG_TO, packed}}, When::refresh);
  }
  add_primitive(
      program, description,
      {{DNNL_ARG_SRC, a.of}, {DNNL_ARG_WEIGHTS, packed}, {DNNL_ARG_BIAS, bias}, {DNNL_ARG_DST, c.of}});
  program.note(description.impl_info_str());
} catch (const dnnl::error& error) {
  refuse("matmul", error);
}

}  // namespace dlfs
