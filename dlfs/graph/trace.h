// A Trace is the record of a model's C++ being run once, for one input shape, one mode and one precision.
// Nothing is computed: apply() asks the function for its shapes and notes the call. A Plan takes the record
// and makes it run. A Trace must stay where it is while Values of it are alive. One thread.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "dlfs/graph/function.h"
#include "dlfs/graph/state.h"

namespace dlfs {

class Trace;

// One tensor of a trace. A default-made Value is null: an optional input that is not given.
class Value {
 public:
  Value() = default;
  explicit operator bool() const { return trace_ != nullptr; }
  const Spec& spec() const;
  const Shape& shape() const { return spec().shape; }
  Trace& trace() const;  // throws ShapeError where this is null

 private:
  friend class Trace;
  Value(Trace* trace, int id) : trace_(trace), id_(id) {}
  Trace* trace_ = nullptr;
  int id_ = -1;
};

struct TraceSettings {
  Mode mode = Mode::train;
  Precision precision = Precision::f32;
  // In f16 convolutions give the sums that a batch norm needs (ops/conv/conv.h): faster, no longer the same bits each run.
  bool fast_sums = false;
  // In 16 bits: whether a convolution of x [n,h,w,c] by w [k,r,s,c], with stride 1 and padding that keeps h and w, also gives
  // the moments of its result, as it does where that costs nothing (Device::gives_moments).
  std::function<bool(const Shape& x, const Shape& w)> moments = nullptr;
};

// For TraceSettings::moments. requires: the device outlives the trace's building.
inline auto moments_of(const Device& device) {
  return [&device](const Shape& x, const Shape& w) { return device.gives_moments(x, w); };
}

// What was recorded, as plain data: values and calls refer to each other by index, -1 is null.
struct Graph {
  enum class Source : uint8_t { input, state, result, gradient };
  struct Node {
    std::string name;
    Spec spec;
    Source source;
    int origin;  // state: index of the entry; result: index of the call; gradient: the value it is the
                 // gradient of
  };
  struct Call {
    FunctionPtr function;
    std::string path;  // "layer1.0.conv2"
    std::vector<int> in, out;
    Signature signature;
  };
  struct Loss {
    std::string name;
    int value;
    float weight;
  };
  State* state = nullptr;
  TraceSettings settings;
  std::vector<Node> nodes;
  std::vector<Call> calls;    // forward, in the order of tracing
  std::vector<Call> updates;  // after backward
  std::vector<Loss> losses;
  std::map<std::string, int> outputs;
};

class Trace {
 public:
  explicit Trace(State& state, TraceSettings settings = {});
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;

  // Names what is traced while the guard lives: scope("layer1"), scope("0") -> path "layer1.0".
  class Scope {
   public:
    explicit Scope(Trace& trace, const std::string& name);
    ~Scope() { trace_.path_.resize(before_); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Trace& trace_;
    size_t before_;
  };
  [[nodiscard]] Scope scope(const std::string& name) { return Scope(*this, name); }
  std::string path(const std::string& name) const;  // name below the present scope: "conv1" + "weight"

  Value input(const std::string& name, const Spec& spec);
  Value param(Param param);  // as the State holds it
  Value weight(
      Param param);  // as matrix work reads it: in a 16-bit trace the copy that the State keeps beside it
  Value find(Param param);  // the Value of param() where this trace has it already; else null
  Value master(
      Value value);  // what the State holds of a parameter that came from param() or weight(); for updates
  // The one way to call a function. Null values stand for absent optional inputs. Throws ShapeError with the
  // path.
  std::vector<Value> apply(const FunctionPtr& function, const std::vector<Value>& in);

  // A scalar [1,1,1,1] to be made small; several losses add up, each times its weight. Also an output of that
  // name.
  void loss(const std::string& name, Value value, float weight = 1);
  // Keeps a value (or a gradient) readable after the step, as plan[name].
  void output(const std::string& name, Value value);
  // The gradient of all losses by a value; for output() and update(). The plan throws where no gradient
  // reaches it.
  Value gradient(Value value);
  // Calls a function after backward, with everything it reads and writes (parameters, gradients, optimizer's
  // tensors).
  void update(const FunctionPtr& function, const std::vector<Value>& in);

  State& state() { return *graph_.state; }
  const TraceSettings& settings() const { return graph_.settings; }
  const std::string& name(Value value) const { return graph_.nodes[value.id_].name; }
  const Graph& graph() const { return graph_; }
  std::vector<Value>
  parameters();  // all that came from param() or weight() and are parameters, in the order of tracing
  Value value(int id) { return {id < 0 ? nullptr : this, id}; }  // of graph().nodes

 private:
  friend class Value;
  friend class Plan;
  Value add(Graph::Node node);
  Value add_state(Param param, const Spec& spec);
  std::vector<int> ids(const std::string& who, const std::vector<Value>& values) const;
  Graph::Call call(const FunctionPtr& function, const std::vector<Value>& in) const;
  Graph graph_;
  std::string path_;
};

}  // namespace dlfs
