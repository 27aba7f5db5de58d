#include <algorithm>

#include "dlfs/graph/schedule.h"

namespace dlfs {
namespace {

using Source = Graph::Source;

// Indices of graph.calls such that every call comes after those that make its inputs, and a call that writes
// an input in place after all others that read it; otherwise in the order of tracing.
std::vector<int> forward_order(const Graph& graph) {
  const int count = static_cast<int>(graph.calls.size());
  std::vector<std::vector<int>> readers(graph.nodes.size());
  for (int i = 0; i < count; ++i)
    for (const int id : graph.calls[i].in)
      if (id >= 0) readers[id].push_back(i);

  std::vector<std::vector<int>> before(count);
  for (int i = 0; i < count; ++i) {
    const Graph::Call& call = graph.calls[i];
    for (const int id : call.in)
      if (id >= 0 && graph.nodes[id].source == Source::result) before[i].push_back(graph.nodes[id].origin);
    for (const int index : call.signature.updates)
      for (const int reader : readers[call.in[index]])
        if (reader != i) before[i].push_back(reader);
  }

  std::vector<int> order;
  std::vector<char> done(count, 0);
  while (static_cast<int>(order.size()) < count) {
    int next = 0;
    const auto waits = [&](int i) {
      return std::any_of(before[i].begin(), before[i].end(), [&](int b) { return !done[b]; });
    };
    while (next < count && (done[next] || waits(next))) ++next;
    if (next == count) {
      const auto stuck = std::find(done.begin(), done.end(), 0) - done.begin();
      throw ShapeError("trace",
                       graph.calls[stuck].path +
                           " writes an input in place that a later layer reads; read it before, or copy it");
    }
    done[next] = 1;
    order.push_back(next);
  }
  return order;
}

class Differentiator {
 public:
  explicit Differentiator(const Graph& graph)
      : graph_(graph),
        value_slot_(graph.nodes.size(), -1),
        gradient_slot_(graph.nodes.size(), -1),
        saved_(graph.calls.size()) {}

  Schedule run() {
    const std::vector<int> order = forward_order(graph_);
    make_value_slots();
    find_what_needs_gradients(order);
    find_what_is_fixed(order);
    for (const bool fixed : {true, false})
      for (const int call : order)
        if (fixed_call_[call] == fixed) add_forward(call);
    seed_losses();
    for (size_t i = order.size(); i-- > 0;) add_backward(order[i]);
    resolve_gradients();
    for (const Graph::Call& update : graph_.updates) add_update(update);
    for (const auto& [name, id] : graph_.outputs) schedule_.names[name] = value_slot_[id];
    find_lifetimes();
    return std::move(schedule_);
  }

 private:
  int add_slot(const Slot& slot) {
    schedule_.slots.push_back(slot);
    return static_cast<int>(schedule_.slots.size()) - 1;
  }

  void make_value_slots() {
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      const Graph::Node& node = graph_.nodes[i];
      if (node.source == Source::gradient) continue;
      const bool of_state = node.source == Source::state;
      value_slot_[i] =
          add_slot({node.name, node.spec, of_state ? Home::state : Home::arena, of_state ? node.origin : -1});
      if (node.source == Source::input) schedule_.names[node.name] = value_slot_[i];
    }
  }

  // A value needs a gradient where a parameter lies behind it, or where its own gradient is asked for.
  void find_what_needs_gradients(const std::vector<int>& order) {
    needs_.assign(graph_.nodes.size(), 0);
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      const Graph::Node& node = graph_.nodes[i];
      if (node.source == Source::state && graph_.state->entries()[node.origin].role == Role::parameter)
        needs_[i] = 1;
      if (node.source == Source::gradient) needs_[node.origin] = 1;
    }
    for (const int index : order)
      for (size_t i = 0; i < graph_.calls[index].in.size(); ++i)
        if (gradient_flows(graph_.calls[index], i))
          for (const int out : graph_.calls[index].out) needs_[out] |= is_float(graph_.nodes[out].spec.dtype);
  }

  // In inference, a call is fixed that reads nothing but what the State holds, and what is made of that. (Not where some
  // call writes in place what it reads, and not where a gradient could be asked of it.)
  void find_what_is_fixed(const std::vector<int>& order) {
    fixed_call_.assign(graph_.calls.size(), 0);
    if (graph_.settings.mode != Mode::infer || !graph_.losses.empty()) return;
    std::vector<char> fixed(graph_.nodes.size(), 0);
    for (size_t i = 0; i < graph_.nodes.size(); ++i) fixed[i] = graph_.nodes[i].source == Source::state;
    for (const std::vector<Graph::Call>* calls : {&graph_.calls, &graph_.updates})
      for (const Graph::Call& call : *calls)
        for (const int updated : call.signature.updates) fixed[call.in[updated]] = 0;
    for (const int index : order) {
      const Graph::Call& call = graph_.calls[index];
      const auto is_given = [](int id) { return id >= 0; };
      if (std::none_of(call.in.begin(), call.in.end(), is_given) ||
          !std::all_of(call.in.begin(), call.in.end(), [&](int id) { return id < 0 || fixed[id]; }))
        continue;
      fixed_call_[index] = 1;
      for (const int out : call.out) {
        fixed[out] = 1;
        schedule_.slots[value_slot_[out]].home = Home::fixed;
      }
    }
  }

  bool gradient_flows(const Graph::Call& call, size_t input) const {
    const int id = call.in[input];
    const std::vector<int>& without = call.signature.without_gradient;
    return id >= 0 && needs_[id] && is_float(graph_.nodes[id].spec.dtype) &&
           std::find(without.begin(), without.end(), static_cast<int>(input)) == without.end();
  }

  void add_forward(int index) {
    const Graph::Call& call = graph_.calls[index];
    Task task{call.function, false, call.path, {}, {}, {}, {}, {}, call.signature, fixed_call_[index] != 0};
    for (const int id : call.in) task.in.push_back(id < 0 ? -1 : value_slot_[id]);
    for (const int id : call.out) task.out.push_back(value_slot_[id]);
    task.saved.assign(call.signature.saved.size(), -1);  // made when a backward turns out to want them
    saved_[index] = static_cast<int>(schedule_.tasks.size());
    schedule_.tasks.push_back(std::move(task));
  }

  void seed_losses() {
    for (size_t i = 0; i < graph_.losses.size(); ++i) {
      const Graph::Loss& loss = graph_.losses[i];
      for (const Graph::Call& call : graph_.calls)
        if (std::find(call.in.begin(), call.in.end(), loss.value) != call.in.end() && needs_[loss.value])
          throw ShapeError(call.function->name(),
                           call.path + ": takes the loss " + loss.name +
                               " as an input; losses add up by themselves, declare each");
      if (needs_[loss.value])
        gradient_slot_[loss.value] =
            add_slot({"d_" + loss.name, {{1, 1, 1, 1}, DType::f32}, Home::seed, static_cast<int>(i)});
    }
  }

  void add_backward(int index) {
    const Graph::Call& call = graph_.calls[index];
    Task task{call.function, true, call.path, {}, {}, {}, {}, {}, call.signature};
    bool arrives = false;
    for (const int id : call.out) {
      task.d_out.push_back(gradient_slot_[id]);
      arrives |= gradient_slot_[id] >= 0;
    }
    if (!arrives) return;
    bool wanted = false;
    for (size_t i = 0; i < call.in.size(); ++i) {
      task.d_in.push_back(gradient_flows(call, i) ? gradient_of(call.in[i])
                                                  : std::pair<int, Write>{-1, Write::skip});
      wanted |= task.d_in.back().second != Write::skip;
    }
    if (!wanted) return;

    const Needs needs = call.function->needs();
    task.in.assign(call.in.size(), -1);
    for (const int i : needs.inputs)
      if (call.in[i] >= 0) task.in[i] = value_slot_[call.in[i]];
    task.out.assign(call.out.size(), -1);
    for (const int i : needs.outputs) task.out[i] = value_slot_[call.out[i]];
    refuse_stale_reads(call, needs);
    for (size_t i = 0; i < call.signature.saved.size(); ++i)
      task.saved.push_back(
          add_slot({concat(call.path, ".", call.function->name(), ".saved_", i), call.signature.saved[i]}));
    schedule_.tasks[saved_[index]].saved = task.saved;
    schedule_.tasks.push_back(std::move(task));
  }

  // The slot of a value's gradient, and whether this writer is the first.
  std::pair<int, Write> gradient_of(int id) {
    int& slot = gradient_slot_[id];
    if (slot >= 0) return {slot, Write::add};
    const Graph::Node& node = graph_.nodes[id];
    const bool of_state = node.source == Source::state;
    slot = add_slot(
        {"d_" + node.name, node.spec, of_state ? Home::gradient : Home::arena, of_state ? node.origin : -1});
    return {slot, Write::set};
  }

  // Backward must never see a value that some call wrote in place meanwhile.
  void refuse_stale_reads(const Graph::Call& call, const Needs& needs) const {
    std::vector<int> read;
    for (const int i : needs.inputs) read.push_back(call.in[i]);
    for (const int i : needs.outputs) read.push_back(call.out[i]);
    for (const Graph::Call& writer : graph_.calls)
      for (const int updated : writer.signature.updates)
        for (const int id : read)
          if (id >= 0 && id == writer.in[updated])
            throw ShapeError(call.function->name(), call.path + ": backward reads " + graph_.nodes[id].name +
                                                        ", which " + writer.path + " writes in place");
  }

  void resolve_gradients() {
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      const Graph::Node& node = graph_.nodes[i];
      if (node.source != Source::gradient) continue;
      value_slot_[i] = gradient_slot_[node.origin];
      if (value_slot_[i] < 0)
        throw ShapeError("trace",
                         graph_.nodes[node.origin].name + " gets no gradient: no loss depends on it");
    }
  }

  void add_update(const Graph::Call& call) {
    Task task{call.function, false, call.path, {}, {}, {}, {}, {}, call.signature};
    for (const int id : call.in) task.in.push_back(id < 0 ? -1 : value_slot_[id]);
    schedule_.tasks.push_back(std::move(task));
  }

  void find_lifetimes() {
    std::vector<Slot>& slots = schedule_.slots;
    const int end = static_cast<int>(schedule_.tasks.size());
    for (Slot& slot : slots) slot.first = end;
    for (int t = 0; t < end; ++t) {
      const Task& task = schedule_.tasks[t];
      const auto use = [&](int slot) {
        if (slot < 0) return;
        slots[slot].first = std::min(slots[slot].first, t);
        slots[slot].last = std::max(slots[slot].last, t);
      };
      for (const auto* list : {&task.in, &task.out, &task.saved, &task.d_out})
        for (const int slot : *list) use(slot);
      for (const auto& [slot, how] : task.d_in) use(slot);
    }
    for (const auto& [name, slot] : schedule_.names) slots[slot].last = end;
    for (size_t i = 0; i < graph_.nodes.size(); ++i)
      if (graph_.nodes[i].source == Source::input) slots[value_slot_[i]].first = -1;
  }

  const Graph& graph_;
  Schedule schedule_;
  std::vector<int> value_slot_, gradient_slot_;  // by node
  std::vector<int> saved_;                       // by call: its forward task
  std::vector<char> needs_;                      // by node
  std::vector<char> fixed_call_;                 // by call
};

}  // namespace

Schedule differentiate(const Graph& graph) { return Differentiator(graph).run(); }

}  // namespace dlfs
