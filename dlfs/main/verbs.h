// The verbs of the program, one file each. They print to `out` and throw Error; main() turns that into exit codes.
// What a program that reads `out` must not find there goes to std::cerr.
#pragma once

#include <memory>
#include <ostream>
#include <string>

#include "dlfs/main/command_line.h"
#include "dlfs/models/model_file.h"
#include "dlfs/tensor/device.h"

namespace dlfs {

void run_verb(const TrainCommand& command, std::ostream& out);
void run_verb(const EvalCommand& command, std::ostream& out);
void run_verb(const PredictCommand& command, std::ostream& out);
void run_verb(const BenchCommand& command, std::ostream& out);
void run_verb(const DataCommand& command, std::ostream& out);
void run_verb(const DescribeCommand& command, std::ostream& out);
void run_verb(const ImportCommand& command, std::ostream& out);
void run_verb(const ExportCommand& command, std::ostream& out);
void run_verb(const DoctorCommand& command, std::ostream& out);
inline void run_verb(const ShowText& show, std::ostream& out) { out << show.text; }

// `bench load`, on the device that bench has opened.
void run_bench_load(const BenchCommand& command, Device& device, std::ostream& out);

// Some of what was asked for could not be done; the rest was, and why not has been said.
class PartlyDone : public Error {
 public:
  using Error::Error;
};

// "auto", "cpu" or "gpu:N" -> a device. auto takes the first GPU, or says in one line why there is none and takes the
// CPU. Throws where the device is not there, or has nothing of the precision.
std::unique_ptr<Device> open_device(const std::string& name, Precision precision, std::ostream& out);

// The model that a file at `path` is of, which must be one of ours and take the images that the file says.
Model model_of(const ModelDescription& description, const std::string& path);

std::string accuracy_text(int64_t correct, int64_t count);  // "accuracy 0.9123 (9,123 of 10,000)"

}  // namespace dlfs
