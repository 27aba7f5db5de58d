#include "dlfs/models/layers.h"

#include "dlfs/models/initialisers.h"

namespace dlfs {
namespace {

Value weight(Trace& trace, const Shape& shape, FileLayout layout) {
  return trace.param(
      trace.state().add(trace.path("weight"), {shape}, Role::parameter, kaiming_uniform(shape), layout));
}

Value bias(Trace& trace, int outputs) {
  return trace.param(
      trace.state().add(trace.path("bias"), {{1, 1, 1, outputs}}, Role::parameter, constant(0)));
}

}  // namespace

Value conv_layer(const std::string& name, Value x, const ConvLayer& layer) {
  Trace& trace = x.trace();
  const Trace::Scope scope = trace.scope(name);
  const int channels = x.shape().c / layer.settings.groups;
  const Value w = weight(trace, {layer.filters, layer.size, layer.size, channels}, FileLayout::filter);
  return conv(x, w, layer.bias ? bias(trace, layer.filters) : Value{}, layer.settings);
}

Value linear_layer(const std::string& name, Value x, const LinearLayer& layer) {
  Trace& trace = x.trace();
  const Trace::Scope scope = trace.scope(name);
  const Shape in = x.shape();
  const Value w = weight(trace, {layer.outputs, in.h, in.w, in.c}, FileLayout::matrix);
  return linear(x, w, layer.bias ? bias(trace, layer.outputs) : Value{}, layer.settings);
}

}  // namespace dlfs
