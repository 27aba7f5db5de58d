#include "dlfs/ops/update.h"

namespace dlfs {
namespace {

Param kept_of(Trace& trace, Value parameter, const std::string& name) {
  return trace.state().add(trace.name(parameter) + "." + name, {parameter.shape()}, Role::optimizer,
                           {.kind = Init::Kind::constant, .value = 0});
}

// The sum over micro-batches where this trace makes one; else what backward gives.
Value gradient_of(Trace& trace, Value parameter) {
  const bool known = trace.state().find(trace.name(parameter) + ".accumulated") != nullptr;
  const Value sum = known ? trace.find(accumulated(trace, parameter)) : Value();
  return sum ? sum : trace.gradient(parameter);
}

}  // namespace

Param accumulated(Trace& trace, Value parameter) { return kept_of(trace, parameter, "accumulated"); }

Signature update_signature(const std::string& who, const Inputs& in, const UpdateLayout& layout) {
  const auto refuse = [&](const auto&... fact) { throw ShapeError(who, concat(fact...)); };
  const size_t parts = layout.parts();
  const size_t tensors = in.size() - std::min(in.size(), layout.own + 1), count = tensors / parts;
  if (count == 0 || tensors % parts != 0) refuse(tensors, " tensors are not rows of ", parts);
  if (const Spec one{{1, 1, 1, 1}}; in.specs.back() && in.specs.back() != one)
    refuse("the factor is ", to_string(in.specs.back()), ", but must be ", to_string(one));
  Signature signature;
  for (size_t row = 0; row < count; ++row)
    for (size_t part = 0; part < parts; ++part) {
      const size_t index = layout.own + part * count + row;
      const Spec &parameter = in[layout.own + row], &other = in[index];
      const bool copy = part + 1 == parts, may_be_narrow = copy || part == 1;
      if (copy && !other) continue;
      if (part == 0 && parameter.dtype != DType::f32)
        refuse("parameter ", row, " is ", to_string(parameter), ", but must be f32");
      if (other.shape != parameter.shape ||
          !(may_be_narrow ? is_float(other.dtype) : other.dtype == DType::f32))
        refuse("parameter ", row, " is ", to_string(parameter), ", but its ",
               copy        ? "working copy"
               : part == 1 ? "gradient"
                           : layout.kept[part - 2],
               " is ", to_string(other), "; both must be ", may_be_narrow ? "floats" : "f32",
               " and of one shape");
      if (part != 1) signature.updates.push_back(static_cast<int>(index));
    }
  return signature;
}

std::vector<Value> update_inputs(Trace& trace, std::vector<Value> own, const UpdateLayout& layout,
                                 Value factor) {
  const std::vector<Value> parameters = trace.parameters();
  std::vector<Value> in = std::move(own);
  for (const Value& parameter : parameters) in.push_back(trace.master(parameter));
  for (const Value& parameter : parameters) in.push_back(gradient_of(trace, parameter));
  for (const std::string& name : layout.kept)
    for (const Value& parameter : parameters) in.push_back(trace.param(kept_of(trace, parameter, name)));
  for (const Value& parameter : parameters)
    in.push_back(parameter.spec().dtype == DType::f32 ? Value() : parameter);
  in.push_back(factor);
  return in;
}

std::vector<char> vector_rows(Trace& trace) {
  std::vector<char> rows;
  for (const Value& parameter : trace.parameters())
    rows.push_back(trace.state().find(trace.name(parameter))->layout == FileLayout::vector);
  return rows;
}

std::vector<UpdateRow> update_rows(const Site& site, const UpdateLayout& layout, float decay,
                                   const std::vector<char>& vectors) {
  const size_t parts = layout.parts(), count = (site.in.size() - layout.own - 1) / parts;
  std::vector<UpdateRow> rows;
  for (size_t i = 0; i < count; ++i) {
    const auto part = [&](size_t p) { return site.in[layout.own + p * count + i]; };
    UpdateRow& row = rows.emplace_back(UpdateRow{part(0), part(1), part(parts - 1), {}});
    for (size_t p = 2; p + 1 < parts; ++p) row.kept.push_back(part(p));
    row.decay = i < vectors.size() && vectors[i] ? 0 : decay;
  }
  return rows;
}

}  // namespace dlfs
