// The parts of `dlfs bench` that print through a BenchReport, and what they share. One thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "dlfs/main/bench_report.h"

namespace dlfs {

// A row of `bench ops`.
struct OpRow {
  enum class Kind : uint8_t {
    maps,
    numbers,
    pixels
  };  // x in the precision's type; in f32; bytes, without a gradient
  std::string name;
  Shape x;                              // of its input; n = 0: --batch
  std::function<Value(Value x)> build;  // gives the op's output, or a loss
  Kind kind = Kind::maps;
};

// Those whose names hold the part; throws UsageError where none does.
std::vector<OpRow> op_rows_named(const std::string& part);
void bench_op(const OpRow& row, const BenchCommand& command, Device& device, BenchReport& report);

// `bench train` and `bench infer`; `out` gets the tables of --profile.
void bench_model(const Model& model, const BenchCommand& command, Device& device, BenchReport& report,
                 std::ostream& out);

// What the card (or CPU) reaches at best, every op in each precision, and a short table.
void bench_card(const BenchCommand& command, Device& device, std::ostream& out);

// To a tensor of any float type, or of bytes.
void upload_numbers(Device& device, const Tensor& to, const std::vector<float>& numbers);
// Uniform in [0, 1), to all inputs of the plan, "d_y" and "labels" below `classes` among them; 0.01 to "rate".
void upload_inputs(Device& device, const Plan& plan, int classes);

}  // namespace dlfs
