#include "dlfs/models/layers.h"

#include "dlfs/ops/fold_norm/fold_norm.h"
#include "dlfs/ops/stem/stem.h"

namespace dlfs {
namespace {

Param add_weight(Trace& trace, const Shape& shape, FileLayout layout, Init (*init)(const Shape&)) {
  return trace.state().add(trace.path("weight"), {shape}, Role::parameter, init(shape), layout);
}

Value add_vector(Trace& trace, const char* name, int channels, float value, Role role = Role::parameter) {
  return trace.param(trace.state().add(trace.path(name), {{1, 1, 1, channels}}, role, constant(value)));
}

// How a convolution meets its map. Images may come in a form (ops/stem/stem.h) that the parameter does not follow.
struct Meeting {
  ImageForm form;
  int channels;  // of the parameter
  ConvSettings settings;
};

Meeting meet(Value x, bool stem, const ConvSettings& settings) {
  Meeting made{stem ? form_of(x.shape()) : ImageForm::plain, x.shape().c / settings.groups, settings};
  if (made.form == ImageForm::plain) return made;
  made.channels = 3;
  if (made.form != ImageForm::blocks) return made;
  DLFS_CHECK(settings.stride == 2 && settings.pad == 3, "blocks are for stride 2 and pad 3");
  made.settings.stride = 1;
  made.settings.pad = 0;
  return made;
}

BatchNorm add_norm(Trace& trace, const ConvNorm& layer) {
  const auto add = [&](const char* name, float value, Role role) {
    return add_vector(trace, name, layer.filters, value, role);
  };
  return {.scale = add("weight", layer.zero_scale ? 0 : 1, Role::parameter),
          .bias = add("bias", 0, Role::parameter),
          .mean = add("running_mean", 0, Role::statistic),
          .variance = add("running_var", 1, Role::statistic)};
}

// In training the convolution, beside the norm that is still to be applied; in inference the two folded into one, with
// what is added, the ReLU and the pool. `moments` says whether the norm may take those.
Shortcut conv_before_norm(const ConvNormNames& names, Value x, const ConvNorm& layer, Value added,
                          bool moments) {
  Trace& trace = x.trace();
  const bool infer = trace.settings().mode == Mode::infer;
  auto [form, channels, settings] = meet(x, layer.stem,
                                         {.stride = layer.stride,
                                          .pad = layer.pad.value_or(layer.size / 2),
                                          .groups = layer.groups,
                                          .relu = infer && layer.relu && !layer.pool});
  const Shape shape{layer.filters, layer.size, layer.size, channels};
  auto scope = std::make_optional<Trace::Scope>(trace, names.conv);
  const Param param = add_weight(trace, shape, FileLayout::filter, kaiming_fan_out);
  if (!infer) {
    const TraceSettings& wished = trace.settings();
    const Value w = stem_filter(trace.weight(param), {form});
    const int taps = w.shape().h;
    settings.moments = moments && wished.moments && bytes(x.spec().dtype) == 2 && settings.stride == 1 &&
                       settings.groups == 1 && settings.pad == (taps % 2 == 1 ? taps / 2 : 0) &&
                       wished.moments(x.shape(), w.shape());
    settings.sums =
        !settings.moments && !layer.stem && wished.fast_sums && wished.precision == Precision::f16;
    const ConvOutputs made = conv({.x = x, .w = w}, settings);
    scope.emplace(trace, names.norm);
    Shortcut result{made.y, add_norm(trace, layer)};
    result.norm.sums = made.sums;
    result.norm.moments = settings.moments;
    return result;
  }
  const Value w = trace.param(param);
  scope.emplace(trace, names.norm);
  const FoldedNorm folded = fold_norm(w, {}, add_norm(trace, layer));
  scope.emplace(trace, names.conv);
  const Value filter = stem_filter(folded.w, {form});
  if (!layer.pool) return {conv({.x = x, .w = filter, .bias = folded.bias, .add = added}, settings).y};
  DLFS_CHECK(!added, "a shortcut is not pooled");
  const Value y = conv(x, filter, settings);
  scope.reset();
  MaxPoolSettings pool = *layer.pool;
  pool.relu = layer.relu;
  return {max_pool(y, folded.bias, pool)};
}

}  // namespace

Value conv_layer(const std::string& name, Value x, const ConvLayer& layer) {
  Trace& trace = x.trace();
  const Trace::Scope scope = trace.scope(name);
  const auto [form, channels, settings] = meet(x, layer.stem, layer.settings);
  const Shape shape{layer.filters, layer.size, layer.size, channels};
  const Value w = trace.weight(add_weight(trace, shape, FileLayout::filter, layer.init));
  return conv(x, stem_filter(w, {form}), layer.bias ? add_vector(trace, "bias", layer.filters, 0) : Value{},
              settings);
}

Value conv_norm(const ConvNormNames& names, Value x, const ConvNorm& layer, const Shortcut& shortcut) {
  // The two norms of a join find their statistics in one way: both are given, or both add up.
  const bool moments = !shortcut.norm.scale || shortcut.norm.sums;
  const Shortcut made = conv_before_norm(names, x, layer, shortcut.x, moments);
  if (!made.norm.scale) return made.x;
  auto scope = std::make_optional<Trace::Scope>(x.trace(), names.norm);
  const Value y = norm_add_act(made.x, made.norm, shortcut, {.relu = layer.relu});
  scope.reset();
  return layer.pool ? max_pool(y, *layer.pool) : y;
}

Shortcut projection(const ConvNormNames& names, Value x, const ConvNorm& layer) {
  ConvNorm without = layer;
  without.relu = false;
  return conv_before_norm(names, x, without, {}, false);
}

Value linear_layer(const std::string& name, Value x, const LinearLayer& layer) {
  Trace& trace = x.trace();
  const Trace::Scope scope = trace.scope(name);
  const Shape in = x.shape();
  const Shape shape{layer.outputs, in.h, in.w, in.c};
  const Value w = trace.weight(add_weight(trace, shape, FileLayout::matrix, layer.init));
  return linear(x, w, layer.bias ? add_vector(trace, "bias", layer.outputs, 0) : Value{}, layer.settings);
}

}  // namespace dlfs
