// The parts of `dlfs bench` that print through a BenchReport, and what they share. One thread.
#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <variant>
#include <vector>

#include "dlfs/main/command_line.h"
#include "dlfs/main/rates.h"

namespace dlfs {

struct BenchField {
  std::string name;
  std::variant<std::string, int64_t, double> value;
  int width = 0;  // in the table; 0: it is not there
};
using BenchFields = std::vector<BenchField>;

struct BenchTime {
  double seconds = 0, floor = 0;
  Cost cost;
};

// What is printed: a JSON object a measurement, each on a line of its own; or for people, on a terminal or where it was
// asked for, a table of some of the fields. It begins with measuring what the device reaches.
class BenchReport {
 public:
  BenchReport(const BenchCommand& command, Device& device, std::ostream& out);
  const Rates& rates() const { return rates_; }

  // What was measured; how it did; what else is to be known.
  void add(const BenchFields& what, const BenchTime& time, const BenchFields& more);

 private:
  void add_json(const BenchFields& fields);
  void add_to_table(const BenchFields& fields);

  std::ostream& out_;
  bool table_;
  Rates rates_;
  BenchFields machine_;
  std::string heading_;  // of the table so far
};

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
