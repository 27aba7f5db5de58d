#include "dlfs/main/bench.h"

#include <algorithm>
#include <cmath>
#include <iomanip>

#include "dlfs/base/json.h"
#include "dlfs/main/progress.h"

namespace dlfs {
namespace {

// As many digits as a measurement has.
std::string digits(double value) { return concat(std::setprecision(4), value); }

}  // namespace

BenchReport::BenchReport(const BenchCommand& command, Device& device, std::ostream& out)
    : out_(out),
      table_(command.table || terminal_columns() != nullptr),
      rates_(measure_rates(device, command.precision)),
      machine_({{"precision", to_string(command.precision)},
                {"device", device.name()},
                {"copy_gb_per_s", rates_.bytes / 1e9},
                {"matrix_gflop_per_s", rates_.flops / 1e9}}) {
  if (table_)
    out_ << cut(device.name(), 79) << "\n"
         << to_string(command.precision) << ", " << to_string(rates_) << std::endl;
}

void BenchReport::add(const BenchFields& what, const BenchTime& time, const BenchFields& more) {
  BenchFields all = what;
  all.insert(all.end(), {{"ms", 1e3 * time.seconds, 9},
                         {"floor_ms", 1e3 * time.floor, 9},
                         {"ratio", time.seconds / time.floor, 6},
                         {"bytes", static_cast<int64_t>(time.cost.bytes)},
                         {"flops", static_cast<int64_t>(time.cost.flops)}});
  all.insert(all.end(), more.begin(), more.end());
  all.insert(all.end(), machine_.begin(), machine_.end());
  table_ ? add_to_table(all) : add_json(all);
}

void BenchReport::add_json(const BenchFields& fields) {
  JsonWriter line;
  line.object();
  for (const BenchField& field : fields) {
    line.key(field.name);
    if (const auto* number = std::get_if<double>(&field.value))
      std::isfinite(*number) ? line.value(std::stod(digits(*number))) : line.value(digits(*number));
    else if (const auto* whole = std::get_if<int64_t>(&field.value))
      line.value(*whole);
    else
      line.value(std::get<std::string>(field.value));
  }
  out_ << line.close().text() << std::endl;
}

// Row by row, so that each is seen when it was measured.
void BenchReport::add_to_table(const BenchFields& fields) {
  std::string names, values;
  for (const BenchField& field : fields) {
    if (field.width == 0) continue;
    const auto* text = std::get_if<std::string>(&field.value);
    const auto* number = std::get_if<double>(&field.value);
    const auto append = [&](std::string& line, const std::string& word) {
      const std::string padding(std::max(0, field.width - width(word)), ' ');
      line += (line.empty() ? "" : "  ") + (text != nullptr ? word + padding : padding + word);
    };
    append(names, field.name);
    append(values, text != nullptr     ? *text
                   : number != nullptr ? digits(*number)
                                       : with_separators(std::get<int64_t>(field.value)));
  }
  if (names != heading_) out_ << "\n" << (heading_ = names) << "\n";
  out_ << values << std::endl;
}

}  // namespace dlfs
