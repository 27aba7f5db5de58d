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

// Where a slot's bytes are: in the plan's arena, in the State, beside the State (gradients of parameters), or
// among the plan's constants (the gradient of a loss by itself: its weight).
enum class Home : uint8_t { arena, state, gradient, seed };

// One tensor of a plan. It lives from task `first` to task `last`, both included. An input is there before task 0
// (first = -1), and like an output it stays after the last task (last = number of tasks), so a step can be run again.
struct Slot {
  std::string name;
  Spec spec;
  Home home = Home::arena;
  int origin = -1;  // state, gradient: index of the State's entry; seed: index of the graph's loss
  int first = 0, last = -1;
  size_t offset = 0;  // in the arena
};

// One call of one half of a function, forward, backward or update; indices of slots, -1 is null.
struct Task {
  FunctionPtr function;
  bool backward = false;
  std::string path;
  std::vector<int> in, out, saved, d_out;
  std::vector<std::pair<int, Write>> d_in;
  Signature signature;
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

}  // namespace dlfs
