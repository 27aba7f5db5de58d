// The verbs of the program, one file each. They print to `out` and throw Error; main() turns that into exit codes.
#pragma once

#include <memory>
#include <ostream>
#include <string>

#include "dlfs/data/idx.h"
#include "dlfs/main/command_line.h"
#include "dlfs/tensor/device.h"

namespace dlfs {

void run_train(const TrainCommand& command, std::ostream& out);
void run_eval(const EvalCommand& command, std::ostream& out);
void run_describe(const DescribeCommand& command, std::ostream& out);
void run_doctor(std::ostream& out);

// "auto", "cpu" or "gpu:N" -> a device. auto takes the first GPU, or says in one line why there is none and takes the
// CPU. Throws where the device is not there, or has nothing of the precision.
std::unique_ptr<Device> open_device(const std::string& name, Precision precision, std::ostream& out);

// "idx:DIR" -> DIR. Throws UsageError where the source is of another kind.
std::string idx_directory(const std::string& source);

std::string accuracy_text(int64_t correct, int64_t count);  // "accuracy 0.9123 (9,123 of 10,000)"

}  // namespace dlfs
