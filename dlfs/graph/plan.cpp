#include "dlfs/graph/plan.h"

#include <algorithm>

namespace dlfs {

Plan::Plan(Trace&& trace)
    : state_(trace.graph_.state),
      losses_(trace.graph_.losses),
      precision_(trace.graph_.settings.precision),
      schedule_(differentiate(trace.graph_)),
      mode_(trace.graph_.settings.mode),
      arena_bytes_(place(schedule_)),
      fixed_bytes_(place_fixed(schedule_)) {}

Tensor Plan::tensor(int slot) const {
  if (slot < 0) return {};
  const Slot& of = schedule_.slots[slot];
  switch (of.home) {
    case Home::arena:
      return {of.spec, arena_->at(of.offset)};
    case Home::state:
    case Home::gradient: {
      const State::Entry& entry = state_->entries()[of.origin];
      const bool working = of.spec.dtype != entry.spec.dtype;
      if (of.home == Home::state) return working ? entry.working : entry.tensor;
      return working ? entry.working_gradient : entry.gradient;
    }
    case Home::seed:
      return {of.spec, seeds_->at(of.origin * alignment)};
    case Home::fixed:
      return {of.spec, fixed_->at(of.offset)};
  }
  return {};
}

// Whether what a slot holds changes only when the State does, and nothing of this plan changes it.
bool Plan::is_fixed(int slot) const {
  if (slot < 0 || mode_ != Mode::infer || !losses_.empty()) return false;
  if (schedule_.slots[slot].home == Home::fixed) return true;
  if (schedule_.slots[slot].home != Home::state) return false;
  return std::none_of(schedule_.tasks.begin(), schedule_.tasks.end(), [&](const Task& task) {
    const std::vector<int>& updates = task.signature.updates;
    return std::any_of(updates.begin(), updates.end(), [&](int i) { return task.in[i] == slot; });
  });
}

Site Plan::site(const Task& task, Scratch& scratch) const {
  Site made{{}, {}, {}, {}, {}, scratch, precision_};
  for (const int slot : task.in) {
    made.in.push_back(tensor(slot));
    made.fixed.push_back(is_fixed(slot));
  }
  for (const int slot : task.out) made.out.push_back(tensor(slot));
  for (const int slot : task.saved) made.saved.push_back(tensor(slot));
  for (const int slot : task.d_out) made.d_out.push_back(tensor(slot));
  for (const auto& [slot, how] : task.d_in) made.d_in.push_back({tensor(slot), how});
  return made;
}

void Plan::upload_seeds(Device& device) {
  seeds_ = device.allocate((losses_.size() + 1) * alignment);
  for (size_t i = 0; i < losses_.size(); ++i)
    device.upload({{{1, 1, 1, 1}, DType::f32}, seeds_->at(i * alignment)}, &losses_[i].weight,
                  device.stream());
}

void Plan::compile(Device& device, MemoryPtr arena, Scratch& scratch) {
  DLFS_CHECK(arena->size() >= arena_bytes_, "the arena has ", arena->size(), " bytes, the plan needs ",
             arena_bytes_);
  DLFS_CHECK(steps_.empty(), "a plan is compiled once");
  arena_ = std::move(arena);
  state_->allocate(device);
  if (fixed_bytes_ > 0) fixed_ = device.allocate(fixed_bytes_);
  if (!losses_.empty()) upload_seeds(device);
  allocate_gradients(device);
  std::vector<Step> steps;  // kept once all are made
  for (const Task& task : schedule_.tasks) {
    Step step{task.function.get(), task.backward, task.path, task.signature,
              site(task, scratch), nullptr,       task.fixed};
    step.kernel = task.backward ? step.function->backward(device, step.site)
                                : step.function->forward(device, step.site);
    steps.push_back(std::move(step));
  }
  steps_ = std::move(steps);
  scratch.allocate(device);
  refresh(device.stream());
  device.synchronize(device.stream());
  recording_ = device.record([this](Stream stream) {
    for (const Step& step : steps_)
      if (!step.fixed) step.kernel->run(stream);
  });
}

void Plan::allocate_gradients(Device& device) {
  std::vector<State::GradientOf> wanted;
  for (const Slot& slot : schedule_.slots)
    if (slot.home == Home::gradient)
      wanted.push_back({slot.origin, slot.spec.dtype != state_->entries()[slot.origin].spec.dtype});
  state_->allocate_gradients(device, wanted);
}

void Plan::refresh(Stream stream) {
  for (const Step& step : steps_) step.fixed ? step.kernel->run(stream) : step.kernel->refresh(stream);
}

void Plan::compile(Device& device) {
  compile(device, device.allocate(std::max(arena_bytes_, alignment)), own_scratch_);
}

Tensor Plan::operator[](const std::string& name) const {
  const auto found = schedule_.names.find(name);
  if (found == schedule_.names.end()) {
    std::vector<std::string> known;
    for (const auto& [other, slot] : schedule_.names) known.push_back(other);
    throw ShapeError("plan", "has no input or output " + name + "; it has " + join(known, ", "));
  }
  return tensor(found->second);
}

void Plan::run(Stream stream) {
  DLFS_CHECK(recording_, "a plan is compiled before it runs");
  recording_->run(stream);
}

void Plan::run(Stream stream, Observer& observer) {
  DLFS_CHECK(recording_, "a plan is compiled before it runs");
  for (const Step& step : steps_) {
    if (step.fixed) continue;
    observer.before(step, stream);
    step.kernel->run(stream);
    observer.after(step, stream);
  }
}

std::string Plan::table() const {
  const auto home = [](Home of) {
    return of == Home::arena      ? "arena"
           : of == Home::state    ? "state"
           : of == Home::gradient ? "gradient"
           : of == Home::fixed    ? "fixed"
                                  : "seed";
  };
  std::vector<std::vector<std::string>> steps = {{"step", "path", "function", "engine"}};
  for (size_t t = 0; t < schedule_.tasks.size(); ++t) {
    const Task& task = schedule_.tasks[t];
    steps.push_back({std::to_string(t), task.path, task.function->name() + (task.backward ? " backward" : ""),
                     t < steps_.size() ? steps_[t].kernel->engine() : "not compiled"});
  }
  std::vector<std::vector<std::string>> tensors = {{"tensor", "shape", "home", "life", "offset", "bytes"}};
  for (const Slot& slot : schedule_.slots)
    tensors.push_back(
        {slot.name, to_string(slot.spec), home(slot.home), concat(slot.first, "..", slot.last),
         slot.home == Home::arena || slot.home == Home::fixed ? std::to_string(slot.offset) : "-",
         std::to_string(bytes(slot.spec))});
  return concat(columns(steps), "\n", columns(tensors), "\narena ",
                with_separators(static_cast<int64_t>(arena_bytes_)), " bytes (", human_bytes(arena_bytes_),
                "), parameters ", with_separators(state_->parameter_count()), "\n");
}

}  // namespace dlfs
