// `dlfs bench card`: what a card, or this CPU, reaches, for docs/results.md.

#include "dlfs/base/error.h"
#include "dlfs/base/text.h"
#include "dlfs/gpu/gpu.h"
#include "dlfs/main/bench.h"
#include "dlfs/main/terminal.h"

namespace dlfs {
namespace {

std::string said_of(const Device& device) {
  std::string text = device.name() + "\n";
  const GpuReport report = device.kind() == DeviceKind::gpu ? look_for_gpus() : GpuReport{};
  for (const GpuCard& card : report.cards)
    if (device.name().rfind(concat("gpu:", card.index, ":"), 0) == 0)
      text += concat("sm_", card.capability, ", ", card.processors, " multiprocessors, ",
                     human_bytes(card.memory_total), "; driver for CUDA ", report.driver,
                     ", built with CUDA ", report.runtime, ", cuDNN ", report.cudnn_version, "\n");
  return text;
}

std::string left_out(const std::string& what, const Error& error) {
  return wrapped(concat(what, " is left out: ", error.what()), 80) + "\n";
}

// The rows of a precision; what an op has no 16-bit half for is named and left out.
void bench_ops(const BenchCommand& command, Device& device, std::ostream& out) {
  BenchReport report(command, device, out);
  for (const OpRow& row : op_rows_named(command.name)) try {
      bench_op(row, command, device, report);
    } catch (const Error& error) {
      out << left_out(row.name, error);
    }
}

}  // namespace

void bench_card(const BenchCommand& command, Device& device, std::ostream& out) {
  const bool on_gpu = device.kind() == DeviceKind::gpu;
  std::vector<Precision> precisions = {Precision::f32, Precision::bf16};
  if (on_gpu) precisions = {Precision::f32, Precision::tf32, Precision::f16, Precision::bf16};
  out << said_of(device);
  std::vector<std::vector<std::string>> rows = {{"reached", "", ""},
                                                {"copy", fixed(measure_copy(device) / 1e9, 1), "GB/s"},
                                                {"read", fixed(measure_read(device) / 1e9, 1), "GB/s"}};
  for (const Precision precision : precisions) try {
      rows.push_back(
          {"matrix " + to_string(precision), fixed(measure_matrix(device, precision) / 1e9, 0), "GFLOP/s"});
    } catch (const Error& error) {
      out << left_out("matrix " + to_string(precision), error);
    }
  for (const Precision precision : precisions) {
    BenchCommand one = command;
    one.precision = precision;
    one.table = true;
    out << "\n";
    try {
      bench_ops(one, device, out);
    } catch (const Error& error) {
      out << left_out(to_string(precision), error);
    }
  }
  out << "\n" << said_of(device) << columns(rows);
}

}  // namespace dlfs
