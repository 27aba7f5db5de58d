// A Function is one differentiable function with its settings: conv with stride 2, a loss, an update of all
// parameters. It knows the rule for shapes and types and makes the kernels of both devices; it holds no
// tensors and no state, so one object serves any number of calls, plans and threads. This is the contract
// that every folder of ops/ fulfils.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dlfs/base/error.h"
#include "dlfs/tensor/device.h"
#include "dlfs/tensor/tensor.h"

namespace dlfs {

enum class Mode : uint8_t { train, infer };
// f32 means f32; tf32 lets matrix work round its inputs to 10 bits; f16 and bf16 keep maps and what matrix work reads in
// 16 bits, while statistics, losses, boxes, parameters and sums stay in f32.
enum class Precision : uint8_t { f32, tf32, f16, bf16 };

std::string to_string(Precision precision);
DType matrix_type(Precision precision);  // of maps, and of what matrix work reads: f32 for f32 and tf32

// What infer is asked about. An optional input that is not given is `absent`.
struct Inputs {
  std::vector<Spec> specs;
  Mode mode = Mode::train;
  Precision precision = Precision::f32;

  size_t size() const { return specs.size(); }
  const Spec& operator[](size_t i) const { return specs[i]; }
};

struct Signature {
  std::vector<Spec> outputs = {};
  std::vector<Spec> saved = {};   // what forward keeps for backward: one format and size on every device
  std::vector<int> updates = {};  // inputs that are written in place (statistics, parameters, counters)
  // Inputs through which no gradient flows, though they are floats and may have parameters behind them.
  std::vector<int> without_gradient = {};
  // What tolerances are made of: the terms of the longest sum behind an element of an output, and of each input's
  // gradient (1 where they are left out); and whether tf32 rounds what goes into those sums.
  int64_t terms = 1;
  std::vector<int64_t> gradient_terms = {};
  bool matrix_work = false;
};

// How far two right answers of a function may lie apart, relative to the largest element: each product and sum rounds
// once and independently, so errors grow with the root of their number; 8 of those deviations. With tf32 the inputs' own
// rounding (2^-11) outweighs that.
double storage_tolerance(DType dtype);  // of a result stored in 16 bits: two of its roundings; else 0
double output_tolerance(const Signature& signature, Precision precision);
double gradient_tolerance(const Signature& signature, Precision precision, size_t input);

// The inputs and outputs, by index, that backward reads. What is not declared is not kept alive and not
// shown.
struct Needs {
  std::vector<int> inputs = {}, outputs = {};
};

// What a kernel does to one gradient: decided by differentiate(), never by an op. One value used twice in a
// call has two Grads to one tensor, `set` before `add`: kernels write in the order of the inputs.
enum class Write : uint8_t { skip, set, add };

struct Grad {
  Tensor to;
  Write how = Write::skip;
};

// Working memory of the kernels of one order of work: each asks at compile time, all get the same bytes at
// run time.
class Scratch {
 public:
  void request(size_t size) { wanted_ = std::max(wanted_, size); }
  // ensures: data() is at least as large as any request. Addresses that were handed out before stay valid,
  // since a recording may hold them.
  void allocate(Device& device);
  void* data() const { return blocks_.empty() ? nullptr : blocks_.back()->data(); }
  void* at(size_t offset) const { return static_cast<std::byte*>(data()) + offset; }
  size_t size() const { return blocks_.empty() ? 0 : blocks_.back()->size(); }

 private:
  size_t wanted_ = 0;
  std::vector<MemoryPtr> blocks_;
};

// The tensors of one call, with addresses. Null tensors: an absent input; an input or output that backward
// did not declare; saved, where no backward follows; d_out, where no gradient arrives; d_in, where Write is
// skip.
struct Site {
  std::vector<Tensor> in, out, saved, d_out;
  std::vector<Grad> d_in;
  Scratch& scratch;
  Precision precision = Precision::f32;
  // In inference, by input: whether it is made of the State alone, so that a kernel may keep what it made of it in
  // refresh() (a weight in a layout of its own). Empty: none is.
  std::vector<char> fixed = {};

  bool is_fixed(size_t input) const { return input < fixed.size() && fixed[input] != 0; }
};

class Function {
 public:
  virtual ~Function() = default;

  virtual std::string name() const = 0;  // "conv"
  virtual std::string settings() const {
    return "{}";
  }  // as JSON: {"stride": 2}; for tables and golden files

  // ensures: shapes and types of everything; throws ShapeError(name(), the fact with both values) where they
  // do not fit. This is the only check: kernels trust.
  virtual Signature infer(const Inputs& in) const = 0;
  virtual Needs needs() const { return {}; }

  // Pick the half for device.kind(). requires: a site whose specs passed infer. ensures: a kernel bound to
  // the site's addresses; what it needs beside is requested from site.scratch and read from there when it
  // runs.
  virtual KernelPtr forward(Device& device, const Site& site) const = 0;
  virtual KernelPtr backward(Device& device,
                             const Site& site) const;  // (optional) throws where there is no gradient
};

using FunctionPtr = std::shared_ptr<const Function>;

}  // namespace dlfs
