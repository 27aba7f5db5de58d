#include "dlfs/cpu/cpu_device.h"

#include <dlfcn.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <oneapi/dnnl/dnnl.hpp>
#include <thread>

#include "dlfs/base/error.h"
#include "dlfs/cpu/kernel.h"

namespace dlfs {
namespace {

// The value of the first line "key : value" of one of Linux's files in /proc; "" where there is none.
std::string proc_value(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(':');
    if (line.rfind(key, 0) != 0 || colon == std::string::npos) continue;
    const size_t value = line.find_first_not_of(" \t", colon + 1);
    return value == std::string::npos ? "" : line.substr(value);
  }
  return "";
}

size_t memory_bytes(const std::string& key) {  // "MemTotal", "MemAvailable"
  return std::strtoull(proc_value("/proc/meminfo", key).c_str(), nullptr, 10) * 1024;
}

std::string model() {
  const std::string name = proc_value("/proc/cpuinfo", "model name");
  return name.empty() ? "unknown model" : name;
}

class CpuDevice : public Device {
 public:
  CpuDevice() : memory_(memory_bytes("MemTotal")) { name_ = "cpu: " + model(); }

  DeviceKind kind() const override { return DeviceKind::cpu; }

  // Linux promises more than it has: what cannot fit is refused here, not when it is touched.
  MemoryPtr allocate(size_t size) override {
    const bool fits = memory_ == 0 || size <= memory_;
    void* data = fits ? std::aligned_alloc(alignment, aligned(std::max<size_t>(size, 1))) : nullptr;
    if (data == nullptr)
      throw DeviceError("cpu", concat("cannot allocate ", human_bytes(size), " (", size,
                                      " bytes): ", human_bytes(memory_bytes("MemAvailable")), " of ",
                                      human_bytes(memory_), " are free; use a smaller batch or image"));
    ++allocations_;
    return std::make_shared<Memory>(data, size, [](void* freed) { std::free(freed); });
  }

  void upload(const Tensor& to, const void* from, Stream) override {
    std::memcpy(to.data, from, bytes(to.spec));
  }
  void download(const Tensor& from, void* to, Stream) override {
    std::memcpy(to, from.data, bytes(from.spec));
  }
  void synchronize(Stream) override {}

  KernelPtr record(std::function<void(Stream)> work) override {
    return cpu_kernel([work = std::move(work), stream = stream_] { work(stream); });
  }

 private:
  size_t memory_;  // of the machine; 0 where it is not known
};

// OpenMP is inside oneDNN; it is asked where it is loaded, so that dlfs itself needs none.
int openmp_threads(int otherwise) {
  void* const symbol = dlsym(RTLD_DEFAULT, "omp_get_max_threads");
  return symbol == nullptr ? otherwise : reinterpret_cast<int (*)()>(symbol)();
}

std::string instructions() {
  struct Name {
    int isa;
    const char* name;
  };
  const int isa = dnnl_get_effective_cpu_isa();
  for (const auto& [known, name] :
       {Name{dnnl_cpu_isa_sse41, "sse41"}, Name{dnnl_cpu_isa_avx, "avx"}, Name{dnnl_cpu_isa_avx2, "avx2"},
        Name{dnnl_cpu_isa_avx2_vnni, "avx2_vnni"}, Name{dnnl_cpu_isa_avx512_core, "avx512_core"},
        Name{dnnl_cpu_isa_avx512_core_vnni, "avx512_core_vnni"},
        Name{dnnl_cpu_isa_avx512_core_bf16, "avx512_core_bf16"},
        Name{dnnl_cpu_isa_avx512_core_fp16, "avx512_core_fp16"},
        Name{dnnl_cpu_isa_avx512_core_amx, "avx512_core_amx"}})
    if (known == isa) return name;
  return concat("isa ", isa);
}

}  // namespace

std::unique_ptr<Device> open_cpu() { return std::make_unique<CpuDevice>(); }

CpuFacts cpu_facts() {
  const dnnl_version_t& version = *dnnl_version();
  const int cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  return {.model = model(),
          .cores = cores,
          .threads = openmp_threads(cores),
          .onednn = concat(version.major, ".", version.minor, ".", version.patch),
          .instructions = instructions()};
}

}  // namespace dlfs
