#include <iostream>

#include "dlfs/main/bench.h"
#include "dlfs/main/verbs.h"

namespace dlfs {

void run_verb(const BenchCommand& command, std::ostream& out) {
  const bool of_model = command.what == "train" || command.what == "infer";
  Model model = of_model ? find_model(command.name) : Model{};
  if (command.size) model.input = {1, command.size->height, command.size->width, model.input.c};
  const bool of_ops = command.what == "ops" || command.what == "card";
  const std::vector<OpRow> rows = of_ops ? op_rows_named(command.name) : std::vector<OpRow>{};
  if (command.fast && (command.what != "train" || command.precision != Precision::f16))
    throw UsageError("bench", concat("--fast is for train in f16, but this is ", command.what, " in ",
                                     to_string(command.precision)));
  // What is said of the machine must not stand between the lines that a program reads.
  const std::unique_ptr<Device> device = open_device(command.device, command.precision, std::cerr);
  if (command.what == "load") return run_bench_load(command, *device, out);
  if (command.what == "card") return bench_card(command, *device, out);
  BenchReport report(command, *device, out);
  if (of_model) bench_model(model, command, *device, report, out);
  for (const OpRow& row : rows) bench_op(row, command, *device, report);
}

}  // namespace dlfs
