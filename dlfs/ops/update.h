// What the updates of all parameters share (SGD, Adam, LARS, accumulation): how their tensors are laid out, and which
// rows decay. An update is given what is its own (a rate, a counter) and then, part after part, all parameters, all their
// gradients, all tensors of each name that the optimizer keeps beside a parameter, all working copies (each may be
// absent), and last a factor (may be absent):
//
//   own…, p0, p1, …, gradient of p0, …, momentum of p0, …, working copy of p0, …, factor
//
// Gradients and working copies are f32, f16 or bf16; all else is f32. In one pass an update reads gradient * factor and
// writes p, what is kept, and the copy, which is p rounded. Where the factor (f32 [1,1,1,1]) is 0 the step does not count
// (loss_scale.h): nothing is written.
//
// Several micro-batches may make one step (accumulate.h): then the sums of their gradients are the gradients here.
#pragma once

#include "dlfs/graph/trace.h"

namespace dlfs {

struct UpdateLayout {
  size_t own = 1;
  std::vector<std::string> kept;  // {"momentum"}

  size_t parts() const { return 3 + kept.size(); }
};

// The rule for shapes, told by `who`. ensures: every parameter and all that is kept of it are updated, row by row.
Signature update_signature(const std::string& who, const Inputs& in, const UpdateLayout& layout);

// The inputs of an update of every parameter of the trace. Adds what is kept, "NAME.momentum", to its State as zeros of
// role optimizer.
std::vector<Value> update_inputs(Trace& trace, std::vector<Value> own, const UpdateLayout& layout,
                                 Value factor);

// The State's sum of a parameter's gradients over micro-batches, which an update of the same trace takes for the gradient.
Param accumulated(Trace& trace, Value parameter);

// Which parameters, in the order of rows, are vectors (FileLayout: biases, scales of norms): these usually do not decay.
std::vector<char> vector_rows(Trace& trace);

// A site read as one row a parameter.
struct UpdateRow {
  Tensor parameter, gradient, copy;  // null where there is no copy
  std::vector<Tensor> kept;          // in the order of the layout
  float decay = 0;
};
// `vectors`: rows without decay; empty: all decay.
std::vector<UpdateRow> update_rows(const Site& site, const UpdateLayout& layout, float decay = 0,
                                   const std::vector<char>& vectors = {});
inline const float* update_factor(const Site& site) { return site.in.back().as<float>(); }  // null: 1

}  // namespace dlfs
