#include "dlfs/gpu/gpu.h"

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdlib>

#include "dlfs/base/error.h"
#include "dlfs/gpu/architectures.h"
#include "dlfs/gpu/gpu_device.h"
#include "dlfs/gpu/launch.h"
#include "dlfs/gpu/nvjpeg.h"

namespace dlfs {
namespace {

constexpr const char* or_cpu = ", or take --device cpu";

std::string cuda_version(int number) { return concat(number / 1000, ".", number % 1000 / 10); }

// Why CUDA finds no card at all.
std::string sentence_of(cudaError_t code, const GpuReport& report) {
  switch (code) {
    case cudaErrorInsufficientDriver:
      if (report.driver.empty())
        return concat("no NVIDIA driver is loaded; install one that serves CUDA ", report.runtime, or_cpu);
      return concat("the NVIDIA driver serves CUDA ", report.driver, ", but this build needs ",
                    report.runtime, "; update the driver", or_cpu);
    case cudaErrorStubLibrary:
      return concat(
          "the libcuda.so.1 that the loader finds is the toolkit's stub, not a driver; take the folder "
          "`stubs` off LD_LIBRARY_PATH",
          or_cpu);
    case cudaErrorNoDevice: {
      const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
      return concat("the NVIDIA driver finds no card",
                    visible != nullptr ? concat(" (CUDA_VISIBLE_DEVICES is \"", visible, "\")") : "",
                    "; look at nvidia-smi", or_cpu);
    }
    default:
      return concat("cudaGetDeviceCount failed with ", static_cast<int>(code), " ", cudaGetErrorName(code),
                    ": ", cudaGetErrorString(code), "; look at nvidia-smi", or_cpu);
  }
}

std::string why_not(const GpuCard& card, const GpuReport& report) {
  const int oldest = std::max(75, oldest_architecture());
  if (card.capability < oldest)
    return concat("gpu:", card.index, " (", card.name, ") is sm_", card.capability,
                  ", but this build has code for sm_", oldest, " and later",
                  card.capability < 75 ? "" : "; build on the machine with the card, or the preset `package`",
                  or_cpu);
  if (report.cudnn_version.empty())
    return concat(
        "cuDNN 9 is not found; install it, or set DLFS_CUDNN to its libcudnn.so.9 (dlfs doctor lists "
        "the places that were looked at)",
        or_cpu);
  return "";
}

GpuCard card_of(int index, const GpuQuestion& question) {
  GpuCard card;
  card.index = index;
  cudaDeviceProp properties{};
  if (cudaGetDeviceProperties(&properties, index) != cudaSuccess) return card;
  card.name = properties.name;
  card.capability = properties.major * 10 + properties.minor;
  card.processors = properties.multiProcessorCount;
  card.memory_total = properties.totalGlobalMem;
  size_t total = 0;
  if (question.memory_free && cudaSetDevice(index) == cudaSuccess) cudaMemGetInfo(&card.memory_free, &total);
  return card;
}

// The report, and the library that it found.
GpuReport look(const GpuQuestion& question, std::unique_ptr<Cudnn>& cudnn) {
  GpuReport report;
  int driver = 0, runtime = 0, count = 0;
  cudaRuntimeGetVersion(&runtime);
  report.runtime = cuda_version(runtime);
  if (cudaDriverGetVersion(&driver) == cudaSuccess && driver > 0) report.driver = cuda_version(driver);
  cudnn = Cudnn::open(report.cudnn_tried);
  if (cudnn) {
    report.cudnn_path = cudnn->path();
    report.cudnn_version = cudnn->version();
  }
  const cudaError_t code = cudaGetDeviceCount(&count);
  cudaGetLastError();
  if (code == cudaSuccess)
    for (int i = 0; i < count; ++i) report.cards.push_back(card_of(i, question));
  if (report.cards.empty())
    report.why_not = sentence_of(code == cudaSuccess ? cudaErrorNoDevice : code, report);
  else
    report.why_not = why_not(report.cards[0], report);
  return report;
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

// DLFS_MEASURE=0 switches measuring off; choices are kept in $DLFS_CACHE, or else in the user's own cache.
EngineSettings engine_settings() {
  EngineSettings settings{.measure = variable("DLFS_MEASURE") != "0", .folder = variable("DLFS_CACHE")};
  if (!settings.folder.empty()) return settings;
  if (const std::string cache = variable("XDG_CACHE_HOME"); !cache.empty())
    settings.folder = cache + "/dlfs";
  else if (const std::string home = variable("HOME"); !home.empty())
    settings.folder = home + "/.cache/dlfs";
  return settings;
}

}  // namespace

GpuReport look_for_gpus(const GpuQuestion& question) {
  std::unique_ptr<Cudnn> cudnn;
  GpuReport report = look(question, cudnn);
  if (!question.nvjpeg) return report;
  if (const auto nvjpeg = NvJpeg::open(report.nvjpeg_tried)) {
    report.nvjpeg_path = nvjpeg->path();
    report.nvjpeg_version = nvjpeg->version();
  }
  return report;
}

std::unique_ptr<Device> open_gpu(int index) {
  std::unique_ptr<Cudnn> cudnn;
  const GpuReport report = look({}, cudnn);
  if (report.cards.empty()) throw DeviceError("gpu", report.why_not);
  const int count = static_cast<int>(report.cards.size());
  if (index < 0 || index >= count)
    throw DeviceError("gpu",
                      concat("gpu:", index, " is not here; this machine has ", count,
                             count == 1 ? " card, gpu:0" : concat(" cards, gpu:0 to gpu:", count - 1)));
  if (const std::string sentence = why_not(report.cards[index], report); !sentence.empty())
    throw DeviceError("gpu", sentence);
  return std::make_unique<CudaDevice>(index, std::move(cudnn), engine_settings());
}

size_t gpu_memory_free(const Device& device) {
  static_cast<const GpuDevice&>(device).use();
  size_t bytes = 0, total = 0;
  cuda_check(cudaMemGetInfo(&bytes, &total), "cudaMemGetInfo");
  return bytes;
}

}  // namespace dlfs
