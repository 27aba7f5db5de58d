#include <algorithm>
#include <set>

#include "dlfs/base/text.h"
#include "dlfs/graph/cost.h"
#include "dlfs/main/verbs.h"

namespace dlfs {
namespace {

std::string extent(const Shape& shape) { return concat(shape.h, "x", shape.w, "x", shape.c); }

// Whether a value is made of the State alone: folded weights, which no run makes again.
bool is_fixed(const Graph& graph, int id) {
  const Graph::Node& node = graph.nodes[id];
  if (node.source != Graph::Source::result) return node.source == Graph::Source::state;
  const std::vector<int>& in = graph.calls[node.origin].in;
  return std::all_of(in.begin(), in.end(), [&](int of) { return of < 0 || is_fixed(graph, of); });
}

// Of the parameters that no earlier call took, folded or not.
int64_t new_parameters(const Graph& graph, const Graph::Call& call, std::set<int>& seen) {
  int64_t count = 0;
  for (const int id : call.in) {
    if (id < 0 || !is_fixed(graph, id) || !seen.insert(id).second) continue;
    const Graph::Node& node = graph.nodes[id];
    if (node.source == Graph::Source::result)
      count += new_parameters(graph, graph.calls[node.origin], seen);
    else if (graph.state->entries()[node.origin].role == Role::parameter)
      count += node.spec.shape.count();
  }
  return count;
}

}  // namespace

// The model for one batch of inference: a line a layer with the extent of its output, its parameters and the
// multiply-adds of one image, then the sums. No device is touched.
void run_verb(const DescribeCommand& command, std::ostream& out) {
  const Model& model = find_model(command.model);
  const Shape one = model.input;
  State state(1);
  Trace trace(state, {.mode = Mode::infer});
  trace.output("logits",
               model.build(trace.input("images", {{command.batch, one.h, one.w, one.c}}), command.classes));

  const Graph& graph = trace.graph();
  std::vector<std::vector<std::string>> rows = {
      {"layer", "function", "output", "parameters", "multiply-adds"}};
  rows.push_back({"images", "", extent(one), "", ""});
  std::set<int> seen;
  int64_t all_products = 0, activations = 0;
  for (const Graph::Call& call : graph.calls) {
    if (is_fixed(graph, call.out[0])) continue;
    const Spec& result = call.signature.outputs[0];
    const int64_t parameters = new_parameters(graph, call, seen);
    const int64_t of_image = products(call.signature) / command.batch;
    all_products += of_image;
    for (const Spec& output : call.signature.outputs) activations += static_cast<int64_t>(bytes(output));
    rows.push_back({call.path, call.function->name(), extent(result.shape),
                    parameters > 0 ? with_separators(parameters) : "",
                    of_image > 0 ? with_separators(of_image) : ""});
  }
  out << columns(rows) << "\n";

  const Plan plan(std::move(trace));
  const int64_t parameters = state.parameter_count();
  State training_state(1);
  Trace training(training_state, {.mode = Mode::train});
  trace_training_step(training, model, command.classes, {.batch = command.batch});
  const Plan training_plan(std::move(training));
  size_t beside = 4 * parameters;  // the gradients, and all that outlives a step of SGD
  for (const State::Entry& entry : training_state.entries()) beside += bytes(entry.spec);
  const std::string batch = concat("for a batch of ", command.batch);
  out << columns(
      {{"parameters", with_separators(parameters), concat("(", human_bytes(4 * parameters), " in f32)")},
       {"multiply-adds", with_separators(all_products), "for one image"},
       {"activations", human_bytes(activations), batch},
       {"arena", human_bytes(plan.arena_bytes()), batch + ", which they share in turn"},
       {"arena to train", human_bytes(training_plan.arena_bytes()), batch},
       {"beside it", human_bytes(beside), "parameters, gradients, SGD's momentum (Adam keeps two)"}});
}

}  // namespace dlfs
