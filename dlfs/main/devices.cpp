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
  if (precision == Precision::tf32 && device->kind() == DeviceKind::cpu)
    throw UsageError("dlfs", "--precision is tf32, but a CPU computes in f32; leave it out, or name a GPU");
  return device;
}

}  // namespace dlfs
