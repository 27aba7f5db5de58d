#include "dlfs/base/error.h"
#include "dlfs/cpu/cpu_device.h"
#include "dlfs/gpu/gpu.h"
#include "dlfs/main/terminal.h"
#include "dlfs/main/verbs.h"

namespace dlfs {

namespace {

std::unique_ptr<Device> open_named(const std::string& name, std::ostream& out) {
  if (name == "cpu") return open_cpu();
  if (name == "auto") {
    const std::string why_not = look_for_gpus().why_not;
    if (why_not.empty()) return open_gpu(0);
    out << wrapped(concat("no GPU: ", why_not), 80) << "\n";
    return open_cpu();
  }
  if (name.rfind("gpu:", 0) == 0 && name.size() > 4 && name.size() < 8 &&
      name.find_first_not_of("0123456789", 4) == std::string::npos)
    return open_gpu(std::stoi(name.substr(4)));
  throw UsageError("dlfs",
                   "--device is " + name + ", but can be auto, cpu, or gpu:N with a number N, as gpu:0");
}

}  // namespace

std::unique_ptr<Device> open_device(const std::string& name, Precision precision, std::ostream& out) {
  std::unique_ptr<Device> device = open_named(name, out);
  const bool cpu = device->kind() == DeviceKind::cpu;
  if (cpu && (precision == Precision::tf32 || precision == Precision::f16))
    throw UsageError("dlfs", "--precision is " + to_string(precision) +
                                 ", but a CPU computes in f32 or bf16; leave it out, or name a GPU");
  if (!cpu && precision == Precision::bf16) {
    const int index = name == "auto" ? 0 : std::stoi(name.substr(4));
    for (const GpuCard& card : look_for_gpus().cards)
      if (card.index == index && card.capability < 80)
        throw UsageError("dlfs", concat("--precision is bf16, but ", card.name, " is of sm_", card.capability,
                                        ", and bf16 begins with sm_80; use f16"));
  }
  return device;
}

}  // namespace dlfs
