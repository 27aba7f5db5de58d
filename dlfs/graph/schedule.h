// A Schedule is a Graph turned into an order of tasks over slots: forward, backward, update. It is plain data, made
// without any device, so differentiation and placement are tested in milliseconds.
//
//   differentiate(graph)  -> Schedule   which tasks; which gradients are set, added to or skipped; who lives when
//   place(schedule)       -> bytes      an offset in one arena for everything that lives inside a step
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "dlfs/graph/trace.h"

namespace dlfs {

// Where a slot's bytes are: in the plan's arena, in the State, beside the State (gradients of parameters), among the
// plan's constants (the gradient of a loss by itself: its weight), or in memory of the plan's own, for what inference
// makes of the State alone. Those of state and gradient are of a working copy where their type is not the entry's.
enum class Home : uint8_t { arena, state, gradient, seed, fixed };

// One tensor of a plan. It lives from task `first` to task `last`, both included. An input is there before task 0
// (first = -1), and like an output it stays after the last task (last = number of tasks), so a step can be run again.
struct Slot {
  std::string name;
  Spec spec;
  Home home = Home::arena;
  int origin = -1;  // state, gradient: index of the State's entry; seed: index of the graph's loss
  int first = 0, last = -1;
  size_t offset = 0;  // in the arena, or in the plan's own memory
};

// One call of one half of a function, forward, backward or update; indices of slots, -1 is null.
struct Task {
  FunctionPtr function;
  bool backward = false;
  std::string path;
  std::vector<int> in, out, saved, d_out;
  std::vector<std::pair<int, Write>> d_in;
  Signature signature;
  // In inference, where all that it reads is made of the State: done when the State has changed, not in every run.
  bool fixed = false;
};

struct Schedule {
  std::vector<Slot> slots;
  std::vector<Task> tasks;
  std::map<std::string, int> names;  // inputs, outputs and losses
};

// Throws ShapeError where a graph cannot be run: a function that would read a value after it was written in
// place, a gradient that is asked for but never made, a loss that something else uses.
Schedule differentiate(const Graph& graph);

// Gives every slot of the arena its offset, such that slots that live at one time never share a byte; returns
// the size.
size_t place(Schedule& schedule);
// The same for slots of Home::fixed, which live on: one after the other.
size_t place_fixed(Schedule& schedule);

}  // namespace dlfs
