// What the updates of all parameters share (SGD, Adam): how their tensors are laid out. An update is given what is its
// own (a rate, a counter) and then, part after part, all parameters, all their gradients, and all tensors of each name
// that the optimizer keeps beside a parameter:
//
//   own…, p0, p1, …, gradient of p0, gradient of p1, …, momentum of p0, momentum of p1, …
#pragma once

#include "dlfs/graph/trace.h"

namespace dlfs {

struct UpdateLayout {
  size_t own = 1;
  std::vector<std::string> kept;  // {"momentum"}

  size_t parts() const { return 2 + kept.size(); }
};

// The rule for shapes, told by `who`. ensures: every parameter and all that is kept of it are updated, row by row.
Signature update_signature(const std::string& who, const Inputs& in, const UpdateLayout& layout);

// The inputs of an update of every parameter of the trace. Adds what is kept, "NAME.momentum", to its State as zeros of
// role optimizer.
std::vector<Value> update_inputs(Trace& trace, std::vector<Value> own, const UpdateLayout& layout);

// A site read as one row a parameter: the parameter, its gradient, what is kept in the order of the layout.
using UpdateRow = std::vector<Tensor>;
std::vector<UpdateRow> update_rows(const Site& site, const UpdateLayout& layout);

}  // namespace dlfs
