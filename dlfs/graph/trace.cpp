#include "dlfs/graph/trace.h"

#include <set>

namespace dlfs {
namespace {

// Kernels count elements in 32 bits.
void refuse_size(const std::string& who, const std::string& name, const Spec& spec) {
  constexpr int64_t most = (int64_t{1} << 31) - 1;
  const Shape& s = spec.shape;
  if (s.n < 1 || s.h < 1 || s.w < 1 || s.c < 1)
    throw ShapeError(who, concat(name, " is ", to_string(spec), ", but every extent must be at least 1"));
  if (int64_t{s.n} * s.h > most || int64_t{s.n} * s.h * s.w > most || int64_t{s.n} * s.h * s.w > most / s.c)
    throw ShapeError(who, concat(name, " is ", to_string(spec), ", more than ", most,
                                 " elements; use a smaller batch or image"));
}

}  // namespace

const Spec& Value::spec() const {
  DLFS_CHECK(trace_ != nullptr, "a null value has no shape");
  return trace_->graph_.nodes[id_].spec;
}

Trace& Value::trace() const {
  if (trace_ == nullptr)
    throw ShapeError("trace", "a null value is no input here; only some inputs, a bias say, may be left out");
  return *trace_;
}

Trace::Trace(State& state, TraceSettings settings) {
  graph_.state = &state;
  graph_.settings = std::move(settings);
}

Trace::Scope::Scope(Trace& trace, const std::string& name) : trace_(trace), before_(trace.path_.size()) {
  trace_.path_ = trace_.path(name);
}

std::string Trace::path(const std::string& name) const {
  return path_.empty() ? name : name.empty() ? path_ : path_ + "." + name;
}

Value Trace::add(Graph::Node node) {
  graph_.nodes.push_back(std::move(node));
  return {this, static_cast<int>(graph_.nodes.size()) - 1};
}

Value Trace::input(const std::string& name, const Spec& spec) {
  refuse_size("trace", "input " + name, spec);
  if (graph_.outputs.count(name) != 0)
    throw ShapeError("trace", name + " is an output already; give the input another name");
  for (const Graph::Node& node : graph_.nodes)
    if (node.source == Graph::Source::input && node.name == name)
      throw ShapeError("trace", "input " + name + " is there already; give the second one another name");
  return add({name, spec, Graph::Source::input, -1});
}

Value Trace::param(Param param) { return add_state(param, graph_.state->entry(param).spec); }

Value Trace::weight(Param param) {
  const DType dtype = matrix_type(graph_.settings.precision);
  if (dtype != DType::f32) graph_.state->keep_working(param, dtype);
  return add_state(param, {graph_.state->entry(param).spec.shape, dtype});
}

Value Trace::add_state(Param param, const Spec& spec) {
  const State::Entry& entry = graph_.state->entry(param);
  refuse_size("trace", entry.name, spec);
  for (const Graph::Node& node : graph_.nodes)
    if (node.source == Graph::Source::state && node.origin == param.index)
      throw ShapeError(
          "trace",
          entry.name + " is used twice in one trace; keep the Value, or give one a scope of its own");
  return add({entry.name, spec, Graph::Source::state, param.index});
}

Value Trace::find(Param param) {
  const Spec& spec = graph_.state->entry(param).spec;
  for (size_t i = 0; i < graph_.nodes.size(); ++i)
    if (const Graph::Node& node = graph_.nodes[i];
        node.source == Graph::Source::state && node.origin == param.index && node.spec == spec)
      return {this, static_cast<int>(i)};
  return {};
}

Value Trace::master(Value value) {
  const Graph::Node node = graph_.nodes[ids("trace", {value})[0]];
  DLFS_CHECK(node.source == Graph::Source::state, node.name, " is not of the State");
  const Param param{node.origin};
  if (const Value found = find(param)) return found;
  return add({node.name, graph_.state->entry(param).spec, Graph::Source::state, node.origin});
}

std::vector<int> Trace::ids(const std::string& who, const std::vector<Value>& values) const {
  std::vector<int> all;
  for (const Value& value : values) {
    if (value && value.trace_ != this)
      throw ShapeError(who, path("") + ": an input belongs to another trace");
    all.push_back(value.id_);
  }
  return all;
}

Graph::Call Trace::call(const FunctionPtr& function, const std::vector<Value>& in) const {
  Graph::Call made{function, path(""), ids(function->name(), in), {}, {}};
  Inputs inputs{{}, graph_.settings.mode, graph_.settings.precision};
  for (const int id : made.in) inputs.specs.push_back(id < 0 ? absent : graph_.nodes[id].spec);
  try {
    made.signature = function->infer(inputs);
  } catch (const ShapeError& error) {
    throw ShapeError(error.who(), path_.empty() ? error.fact() : path_ + ": " + error.fact());
  }
  for (const std::vector<Spec>* specs : {&made.signature.outputs, &made.signature.saved})
    for (const Spec& spec : *specs) refuse_size(function->name(), path_.empty() ? "its result" : path_, spec);
  for (const int updated : made.signature.updates)
    DLFS_CHECK(made.in[updated] >= 0, function->name(), " updates input ", updated, ", which is absent");
  if (made.path.empty()) made.path = function->name();
  return made;
}

std::vector<Value> Trace::apply(const FunctionPtr& function, const std::vector<Value>& in) {
  Graph::Call made = call(function, in);
  for (const int id : made.in)
    if (id >= 0 && graph_.nodes[id].source == Graph::Source::gradient)
      throw ShapeError(function->name(), made.path + ": takes the gradient " + graph_.nodes[id].name +
                                             ", but gradients exist in updates only");
  const int index = static_cast<int>(graph_.calls.size());
  const std::string called = path_.empty() ? function->name() : made.path + "." + function->name();
  std::vector<Value> results;
  for (size_t i = 0; i < made.signature.outputs.size(); ++i) {
    const std::string name = concat(called, i == 0 ? "" : concat("_", i));
    results.push_back(add({name, made.signature.outputs[i], Graph::Source::result, index}));
    made.out.push_back(results.back().id_);
  }
  graph_.calls.push_back(std::move(made));
  return results;
}

void Trace::loss(const std::string& name, Value value, float weight) {
  if (value.spec() != Spec{{1, 1, 1, 1}, DType::f32})
    throw ShapeError("trace",
                     concat("loss ", name, " is ", to_string(value.spec()), ", but a loss is f32 [1,1,1,1]"));
  const int id = ids("trace", {value})[0];
  for (const Graph::Loss& other : graph_.losses)
    if (other.value == id)
      throw ShapeError("trace", "loss " + name + " is the value of loss " + other.name +
                                    " already; give one of them both weights");
  graph_.losses.push_back({name, id, weight});
  output(name, value);
}

void Trace::output(const std::string& name, Value value) {
  DLFS_CHECK(value, "output ", name, " is null");
  for (const Graph::Node& node : graph_.nodes)
    if (node.source == Graph::Source::input && node.name == name)
      throw ShapeError("trace", name + " is an input already; give the output another name");
  if (!graph_.outputs.emplace(name, ids("trace", {value})[0]).second)
    throw ShapeError("trace", "output " + name + " is there already; give the second one another name");
}

Value Trace::gradient(Value value) {
  const Graph::Node& of = graph_.nodes[ids("trace", {value})[0]];
  return add({"d_" + of.name, of.spec, Graph::Source::gradient, value.id_});
}

void Trace::update(const FunctionPtr& function, const std::vector<Value>& in) {
  Graph::Call made = call(function, in);
  DLFS_CHECK(made.signature.outputs.empty(), function->name(), " is an update, but has outputs");
  graph_.updates.push_back(std::move(made));
}

std::vector<Value> Trace::parameters() {
  std::vector<Value> all;
  std::set<int> seen;  // a working copy stands before its master
  for (size_t i = 0; i < graph_.nodes.size(); ++i) {
    const Graph::Node& node = graph_.nodes[i];
    if (node.source == Graph::Source::state && graph_.state->entries()[node.origin].role == Role::parameter &&
        seen.insert(node.origin).second)
      all.push_back({this, static_cast<int>(i)});
  }
  return all;
}

}  // namespace dlfs
