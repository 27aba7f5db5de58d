#include "dlfs/cpu/convolution.h"

#include <oneapi/dnnl/dnnl.hpp>

#include "dlfs/cpu/loops.h"
#include "dlfs/cpu/unrolled.h"

namespace dlfs {
namespace {

using dnnl::memory;
using Format = memory::format_tag;

constexpr dnnl::algorithm direct = dnnl::algorithm::convolution_direct;  // never Winograd: f32 is f32

memory::data_type onednn_type(DType dtype) {
  return dtype == DType::bf16 ? memory::data_type::bf16 : memory::data_type::f32;
}

memory::desc image_format(const Spec& image) {
  const Shape& shape = image.shape;
  return {{shape.n, shape.c, shape.h, shape.w}, onednn_type(image.dtype), Format::nhwc};
}

memory::desc bias_format(const Spec& filters) {
  return {{filters.shape.n}, memory::data_type::f32, Format::a};
}

// The filters as they lie in our memory, or in whatever layout oneDNN likes. With groups the first dimension is
// the group.
memory::desc filter_format(const Spec& filters, int groups, bool ours) {
  const Shape& w = filters.shape;
  const memory::data_type type = onednn_type(filters.dtype);
  if (groups == 1) return {{w.n, w.c, w.h, w.w}, type, ours ? Format::acdb : Format::any};
  return {{groups, w.n / groups, w.c, w.h, w.w}, type, ours ? Format::abdec : Format::any};
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
                 const Operand& from, const memory::desc& to_format, const Sink& sink,
                 When when = When::run) {
  dnnl::primitive_attr made = attributes();
  if (sink.add) {
    dnnl::post_ops sum;
    sum.append_sum(1);
    made.set_post_ops(sum);
  }
  add_primitive(program, dnnl::reorder::primitive_desc(engine, from_format, engine, to_format, made),
                {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, sink.to}}, when);
}

// The filters in the layout that a primitive wants: remade at each run, or kept, where there is a keeper.
Operand reordered(Program& program, const dnnl::engine& engine, const Operand& w, int groups,
                  const memory::desc& wanted, Device* keeper = nullptr) {
  const size_t size = wanted.get_size();
  const Operand made =
      keeper != nullptr ? program.keep(keeper->allocate(size)) : program.temporary_bytes(size);
  add_reorder(program, engine, filter_format(w.spec, groups, true), w, wanted, {made},
              keeper != nullptr ? When::refresh : When::run);
  return made;
}

dnnl::convolution_forward::primitive_desc forward_description(
    const dnnl::engine& engine, const Convolution& of, const Spec& x, const Spec& w, bool bias, const Spec& y,
    const dnnl::primitive_attr& with = attributes()) {
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
          with};
}

}  // namespace

void add_convolution(Program& program, const Convolution& of, const Operand& x, const Operand& w,
                     const Operand& bias, const Operand& y, const ConvolutionInference& with) try {
  if (with.keeper == nullptr && !with.add && !with.relu && few_positions(of, y.spec.shape, w.spec.shape))
    return add_unrolled(program, of, x, w, bias, y);
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::post_ops after;
  if (with.add) after.append_binary(dnnl::algorithm::binary_add, image_format(y.spec));
  if (with.relu) after.append_eltwise(dnnl::algorithm::eltwise_relu, 0, 0);
  dnnl::primitive_attr made = attributes();
  made.set_post_ops(after);
  const auto description =
      forward_description(engine, of, x.spec, w.spec, static_cast<bool>(bias), y.spec, made);
  const Operand filters = reordered(program, engine, w, of.groups, description.weights_desc(), with.keeper);
  add_primitive(program, description,
                {{DNNL_ARG_SRC, x},
                 {DNNL_ARG_WEIGHTS, filters},
                 {DNNL_ARG_BIAS, bias},
                 {DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1, with.add},
                 {DNNL_ARG_DST, y}});
  program.note(description.impl_info_str());
} catch (const dnnl::error& error) {
  refuse("convolution", error);
}

void add_convolution_data(Program& program, const Convolution& of, const Operand& d_y, const Operand& w,
                          const Sink& d_x) try {
  if (few_positions(of, d_y.spec.shape, w.spec.shape)) return add_unrolled_data(program, of, d_y, w, d_x);
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  const Geometry at(of);
  Spec made_as = d_x.to.spec;
  if (d_x.add) made_as.dtype = DType::f32;
  const dnnl::convolution_backward_data::primitive_desc description(
      engine, direct, image_format(made_as), filter_format(w.spec, of.groups, false), image_format(d_y.spec),
      at.strides, at.dilations, at.pads, at.pads,
      forward_description(engine, of, d_x.to.spec, w.spec, false, d_y.spec), attributes());
  const Operand filters = reordered(program, engine, w, of.groups, description.weights_desc());
  const Operand made = d_x.add ? program.temporary(made_as) : d_x.to;
  add_primitive(program, description,
                {{DNNL_ARG_DIFF_DST, d_y}, {DNNL_ARG_WEIGHTS, filters}, {DNNL_ARG_DIFF_SRC, made}});
  if (d_x.add) add_sum(program, made, d_x.to);
  program.note(description.impl_info_str());
} catch (const dnnl::error& error) {
  refuse("convolution, gradient of its input", error);
}

void add_convolution_weights(Program& program, const Convolution& of, const Operand& x, const Operand& d_y,
                             const Sink& d_w) try {
  if (few_positions(of, d_y.spec.shape, d_w.to.spec.shape))
    return add_unrolled_weights(program, of, x, d_y, d_w);
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  const Spec &w = d_w.to.spec, made_as{w.shape, DType::f32};
  const Geometry at(of);
  const dnnl::convolution_backward_weights::primitive_desc description(
      engine, direct, image_format(x.spec), filter_format(made_as, of.groups, false), image_format(d_y.spec),
      at.strides, at.dilations, at.pads, at.pads, forward_description(engine, of, x.spec, w, false, d_y.spec),
      attributes());
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
