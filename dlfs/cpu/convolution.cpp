#include "dlfs/cpu/convolution.h"

#include <oneapi/dnnl/dnnl.hpp>

#include "dlfs/cpu/loops.h"

namespace dlfs {
namespace {

using dnnl::memory;
using Format = memory::format_tag;

constexpr memory::data_type f32 = memory::data_type::f32;
constexpr dnnl::algorithm direct = dnnl::algorithm::convolution_direct;  // never Winograd: f32 is f32

memory::desc image_format(const Shape& shape) {
  return {{shape.n, shape.c, shape.h, shape.w}, f32, Format::nhwc};
}

memory::desc bias_format(const Shape& filters) { return {{filters.n}, f32, Format::a}; }

// The filters as they lie in our memory, or in whatever layout oneDNN likes. With groups the first dimension is
// the group.
memory::desc filter_format(const Shape& w, int groups, bool ours) {
  if (groups == 1) return {{w.n, w.c, w.h, w.w}, f32, ours ? Format::acdb : Format::any};
  return {{groups, w.n / groups, w.c, w.h, w.w}, f32, ours ? Format::abdec : Format::any};
}

dnnl::primitive_attr attributes() {
  dnnl::primitive_attr made;
  made.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  made.set_fpmath_mode(dnnl::fpmath_mode::strict);
  return made;
}

struct Geometry {
  explicit Geometry(const Convolution& of)
      : strides{of.stride, of.stride}, dilations{of.dilation - 1, of.dilation - 1}, pads{of.pad, of.pad} {}
  memory::dims strides, dilations, pads;
};

void add_reorder(Program& program, const dnnl::engine& engine, const memory::desc& from_format,
                 const Operand& from, const memory::desc& to_format, const Sink& sink) {
  dnnl::primitive_attr made = attributes();
  if (sink.add) {
    dnnl::post_ops sum;
    sum.append_sum(1);
    made.set_post_ops(sum);
  }
  add_primitive(program, dnnl::reorder::primitive_desc(engine, from_format, engine, to_format, made),
                {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, sink.to}});
}

// The filters in the layout that a primitive wants, remade at each run.
Operand reordered(Program& program, const dnnl::engine& engine, const Operand& w, int groups,
                  const memory::desc& wanted) {
  const Operand made = program.temporary_bytes(wanted.get_size());
  add_reorder(program, engine, filter_format(w.spec.shape, groups, true), w, wanted, {made});
  return made;
}

dnnl::convolution_forward::primitive_desc forward_description(const dnnl::engine& engine,
                                                              const Convolution& of, const Shape& x,
                                                              const Shape& w, bool bias, const Shape& y) {
  const Geometry at(of);
  return {engine,
          dnnl::prop_kind::forward_training,
          direct,
          image_format(x),
          filter_format(w, of.groups, false),
          bias ? bias_format(w) : memory::desc(),
          image_format(y),
          at.strides,
          at.dilations,
          at.pads,
          at.pads,
          attributes()};
}

}  // namespace

void add_convolution(Program& program, const Convolution& of, const Operand& x, const Operand& w,
                     const Operand& bias, const Operand& y) try {
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  const auto description =
      forward_description(engine, of, x.spec.shape, w.spec.shape, static_cast<bool>(bias), y.spec.shape);
  const Operand filters = reordered(program, engine, w, of.groups, description.weights_desc());
  add_primitive(program, description,
                {{DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, filters}, {DNNL_ARG_BIAS, bias}, {DNNL_ARG_DST, y}});
  program.note(description.impl_info_str());
} catch (const dnnl::error& error) {
  refuse("convolution", error);
}

void add_convolution_data(Program& program, const Convolution& of, const Operand& d_y, const Operand& w,
                          const Sink& d_x) try {
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  const Shape &x = d_x.to.spec.shape, &y = d_y.spec.shape;
  const Geometry at(of);
  const dnnl::convolution_backward_data::primitive_desc description(
      engine, direct, image_format(x), filter_format(w.spec.shape, of.groups, false), image_format(y),
      at.strides, at.dilations, at.pads, at.pads, forward_description(engine, of, x, w.spec.shape, false, y),
      attributes());
  const Operand filters = reordered(program, engine, w, of.groups, description.weights_desc());
  const Operand made = d_x.add ? program.temporary(d_x.to.spec) : d_x.to;
  add_primitive(program, description,
                {{DNNL_ARG_DIFF_DST, d_y}, {DNNL_ARG_WEIGHTS, filters}, {DNNL_ARG_DIFF_SRC, made}});
  if (d_x.add) add_sum(program, made, d_x.to);
  program.note(description.impl_info_str());
} catch (const dnnl::error& error) {
  refuse("convolution, gradient of its input", error);
}

void add_convolution_weights(Program& program, const Convolution& of, const Operand& x, const Operand& d_y,
                             const Sink& d_w) try {
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  const Shape& w = d_w.to.spec.shape;
  const Geometry at(of);
  const dnnl::convolution_backward_weights::primitive_desc description(
      engine, direct, image_format(x.spec.shape), filter_format(w, of.groups, false),
      image_format(d_y.spec.shape), at.strides, at.dilations, at.pads, at.pads,
      forward_description(engine, of, x.spec.shape, w, false, d_y.spec.shape), attributes());
  const memory::desc format = description.diff_weights_desc();
  const Operand made = program.temporary_bytes(format.get_size());
  add_primitive(program, description,
                {{DNNL_ARG_SRC, x}, {DNNL_ARG_DIFF_DST, d_y}, {DNNL_ARG_DIFF_WEIGHTS, made}});
  add_reorder(program, engine, format, made, filter_format(w, of.groups, true), d_w);
  program.note(description.impl_info_str());
} catch (const dnnl::error& error) {
  refuse("convolution, gradient of its filters", error);
}

}  // namespace dlfs
