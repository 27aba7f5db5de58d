// One row of an op's table of cases, and the means to run it on a device. The same row serves gradient,
// compare, golden and speed (op_checks.h). Inputs come from one counter-based formula, so PyTorch's side
// (tools/golden.py) makes the very same numbers and golden files hold outputs alone.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dlfs/graph/function.h"

namespace dlfs::testing {

// How one input is filled: f32 uniform in [low, high), or with `given`, again and again; i32 and u8 uniform in
// [0, below), but `ignored` at every third place where `some_ignored`. An absent spec is an absent input.
struct CaseInput {
  Spec spec = absent;
  double low = -1, high = 1;
  int below = 0;
  bool some_ignored = false;
  int ignored = -100;
  std::vector<double> given = {};
  bool gradient = true;  // false: none is taken by it
  bool matrix =
      false;  // of the type that matrix work has in the trace's precision: 16 bits in a twin of narrow()
};

struct OpCase {
  std::string name;  // "conv/stride 2": the op and what is special
  FunctionPtr function;
  std::vector<CaseInput> inputs;
  Precision precision = Precision::f32;
  double step =
      1.0 / 512;         // of the central differences; larger where curvature is mild and outputs are large
  bool smooth = false;   // no kinks (of a relu, of a maximum) that differences could step over
  bool gradient = true;  // false: the function has none, though its inputs are floats
  bool first_gradient_only = false;  // a gradient arrives at the first output alone
  bool golden = true;                // PyTorch has the same function
  bool speed = false;                // of a size worth timing; too slow for differences on the CPU
  bool compare = true;        // false: smaller rows of the same kernel are held against the CPU instead
  bool narrow = false;        // tried in f16 and bf16 too, its `matrix` inputs in 16 bits
  bool narrow_speed = false;  // so is a row of speed, which is not without this
  DType rounding = DType::
      f32;  // what numbers of `matrix` inputs and arriving gradients are rounded to, whatever they are stored in

  std::string as_json() const;  // for tools/golden.py
};

// A case in 16 bits, and the same numbers (rounded to that type) in f32: what its results are held against.
OpCase narrow_twin(const OpCase& of, Precision precision);
OpCase wide_twin(const OpCase& of, Precision precision);

using Numbers = std::vector<double>;  // a tensor's elements, whatever its type

Numbers case_input(const OpCase& of, size_t index);
// The gradient that arrives at an output: uniform in [-1, 1). A random direction, since a plain sum is blind.
Numbers case_d_out(const OpCase& of, size_t index, int64_t count);
Numbers random_numbers(const std::string& key, int64_t count, double low, double high);

// A case set up on a device: every tensor stands between two guard zones and holds NaN before it is written.
class OpRun {
 public:
  OpRun(Device& device, const OpCase& of);
  ~OpRun();
  OpRun(const OpRun&) = delete;
  OpRun& operator=(const OpRun&) = delete;

  void forward();
  // All gradients get `how`; each d_in holds `before` first (empty: infinity everywhere).
  void backward(Write how, const std::vector<Numbers>& before = {});
  void backward(const std::vector<Write>& how, const std::vector<Numbers>& before = {});  // one an input

  // Results of forward: the outputs, then the inputs that the function writes in place.
  std::vector<Numbers> results() const;
  std::vector<Numbers> saved() const;
  std::vector<Numbers> gradients() const;  // one an input; empty where there is none

  void set_input(size_t index, const Numbers& values);
  void set_d_out(size_t index, const Numbers& values);
  void set_results(const std::vector<Numbers>& outputs, const std::vector<Numbers>& saved);

  const Signature& signature() const { return signature_; }
  bool has_gradient(size_t input) const;
  DType result_type(size_t index) const;  // of results()
  std::string broken_guards() const;  // names the tensors whose guard zones were written, "" where none was

  Kernel& forward_kernel();
  Kernel& backward_kernel();

 private:
  struct Guarded;
  Tensor add(const std::string& name, const Spec& spec);
  Site site(bool backward, const std::vector<Write>& how = {});

  Device& device_;
  const OpCase& case_;
  Signature signature_;
  Scratch scratch_;
  std::vector<Guarded> guarded_;
  std::vector<Tensor> in_, out_, saved_, d_out_, d_in_;
  std::vector<Write> everywhere(Write how) const;  // where there is a gradient
  KernelPtr forward_;
  std::map<std::vector<Write>, KernelPtr> backward_;
};

}  // namespace dlfs::testing
