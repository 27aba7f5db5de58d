// A Plan is a trace made to run: differentiated, placed in one arena, compiled to kernels and recorded, then
// run any number of times at fixed addresses. Two phases: the constructor touches no device; compile() binds
// to one. Plans of several shapes may share one arena, one Scratch and one State; then only one of them may
// be between its uploads and its downloads at a time. One thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dlfs/graph/schedule.h"

namespace dlfs {

// One call of one half of a function, bound to its tensors.
struct Step {
  const Function* function;
  bool backward;
  std::string path;
  Signature signature;
  Site site;
  KernelPtr kernel;
  bool fixed = false;  // done by Plan::refresh()
};

// Sees each step of a run before and after. The kernels are only enqueued: an observer that reads tensors
// downloads them in the same stream.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void before(const Step&, Stream) {}
  virtual void after(const Step&, Stream) {}
};

class Plan {
 public:
  // Takes the trace's record; the trace and its values are spent.
  explicit Plan(Trace&& trace);
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  size_t arena_bytes() const { return arena_bytes_; }

  // requires: an arena of at least arena_bytes() on the device. ensures: the State has its memory, every
  // kernel is made and the step is recorded; run() allocates nothing and waits for nothing. The device must
  // outlive the plan.
  void compile(Device& device, MemoryPtr arena, Scratch& scratch);
  void compile(Device& device);  // with an arena and a Scratch of its own

  // An input (to upload to before a run), an output or a loss (to download after it).
  Tensor operator[](const std::string& name) const;

  // Inference: makes again what was made of the State alone (weights folded, packed). To be called after the State has
  // changed; compile() does it first. Does nothing in training.
  void refresh(Stream stream);

  void run(Stream stream);                      // the recording
  void run(Stream stream, Observer& observer);  // step by step, unrecorded

  const Schedule& schedule() const { return schedule_; }
  const std::vector<Step>& steps() const { return steps_; }
  // For people: every step with the engine that serves it, and every tensor with name, shape, type, life and
  // offset.
  std::string table() const;

 private:
  Tensor tensor(int slot) const;
  Site site(const Task& task, Scratch& scratch) const;
  bool is_fixed(int slot) const;
  void upload_seeds(Device& device);
  void allocate_gradients(Device& device);

  State* state_;
  std::vector<Graph::Loss> losses_;
  Precision precision_;
  Schedule schedule_;
  Mode mode_;
  size_t arena_bytes_, fixed_bytes_;
  MemoryPtr arena_, seeds_, fixed_;
  Scratch own_scratch_;
  std::vector<Step> steps_;
  KernelPtr recording_;
};

}  // namespace dlfs
