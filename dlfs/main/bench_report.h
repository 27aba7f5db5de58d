// What `dlfs bench` prints: a JSON object a measurement, each on a line of its own; or for people, on a terminal or where
// it was asked for, a table of some of the fields. It begins with measuring what the device reaches. One thread.
#pragma once

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

}  // namespace dlfs
