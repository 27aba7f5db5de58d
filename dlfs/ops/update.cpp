#include "dlfs/ops/update.h"

namespace dlfs {

Signature update_signature(const std::string& who, const Inputs& in, const UpdateLayout& layout) {
  const auto refuse = [&](const auto&... fact) { throw ShapeError(who, concat(fact...)); };
  const size_t tensors = in.size() - std::min(in.size(), layout.own), count = tensors / layout.parts();
  if (count == 0 || tensors % layout.parts() != 0)
    refuse(tensors, " tensors are not rows of ", layout.parts());
  Signature signature;
  for (size_t row = 0; row < count; ++row)
    for (size_t part = 0; part < layout.parts(); ++part) {
      const size_t index = layout.own + part * count + row;
      const Spec &parameter = in[layout.own + row], &other = in[index];
      if (part == 0 && parameter.dtype != DType::f32)
        refuse("parameter ", row, " is ", to_string(parameter), ", but must be f32");
      if (other != parameter || other.dtype != DType::f32)
        refuse("parameter ", row, " is ", to_string(parameter), ", but its ",
               part < 2 ? "gradient" : layout.kept[part - 2], " is ", to_string(other),
               "; both must be f32 and of one shape");
      if (part != 1) signature.updates.push_back(static_cast<int>(index));
    }
  return signature;
}

std::vector<Value> update_inputs(Trace& trace, std::vector<Value> own, const UpdateLayout& layout) {
  const std::vector<Value> parameters = trace.parameters();
  std::vector<Value> in = std::move(own);
  in.insert(in.end(), parameters.begin(), parameters.end());
  for (const Value& parameter : parameters) in.push_back(trace.gradient(parameter));
  for (const std::string& name : layout.kept)
    for (const Value& parameter : parameters)
      in.push_back(
          trace.param(trace.state().add(trace.name(parameter) + "." + name, parameter.spec(), Role::optimizer,
                                        {.kind = Init::Kind::constant, .value = 0})));
  return in;
}

std::vector<UpdateRow> update_rows(const Site& site, const UpdateLayout& layout) {
  const size_t count = (site.in.size() - layout.own) / layout.parts();
  std::vector<UpdateRow> rows(count);
  for (size_t i = layout.own; i < site.in.size(); ++i) rows[(i - layout.own) % count].push_back(site.in[i]);
  return rows;
}

}  // namespace dlfs
