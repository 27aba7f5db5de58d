// A training step on a card allocates nothing and waits for nothing: counted by the driver's own callbacks (CUPTI,
// opened at run time), so the calls of cuDNN and of the runtime count as well as ours.
#include <gtest/gtest.h>

#include "dlfs/gpu/gpu.h"
#include "dlfs/tensor/half.h"
#include "dlfs/testing/devices.h"
#include "dlfs/train/train.h"

#if __has_include(<cupti.h>)
#include <cupti.h>
#include <dlfcn.h>

#include <map>

namespace dlfs::testing {
namespace {

constexpr int batch = 64;

bool begins(const std::string& name, const char* with) { return name.rfind(with, 0) == 0; }

bool allocates(const std::string& name) {
  for (const char* word : {"cuMemAlloc", "cuMemFree", "cuMemHostAlloc", "cuMemHostRegister", "cuMemCreate",
                           "cuMemMap", "cuMemPoolCreate", "cuArray", "cuMipmappedArray", "cuModuleLoad",
                           "cuLibraryLoad", "cuCtxSetLimit", "cuCtxCreate"})
    if (begins(name, word)) return true;
  return false;
}

bool waits(const std::string& name) {
  const bool copies = begins(name, "cuMemcpy") || begins(name, "cuMemset");
  return name.find("Synchronize") != std::string::npos ||
         (copies && name.find("Async") == std::string::npos && !begins(name, "cuMemset"));
}

// Counts the driver's calls by name while it lives. One at a time in a process.
class DriverCalls {
 public:
  // Why nothing can be counted, or "".
  std::string begin() {
    void* file = nullptr;
    for (const char* name : {"libcupti.so.13", "libcupti.so.12", "/usr/local/cuda/lib64/libcupti.so",
                             "/usr/local/cuda/extras/CUPTI/lib64/libcupti.so"})
      if (file == nullptr) file = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (file == nullptr) return "CUPTI is not on this machine, so the driver's calls cannot be counted";
    const auto subscribe = find<decltype(&cuptiSubscribe)>(file, "cuptiSubscribe");
    const auto enable = find<decltype(&cuptiEnableDomain)>(file, "cuptiEnableDomain");
    unsubscribe_ = find<decltype(&cuptiUnsubscribe)>(file, "cuptiUnsubscribe");
    CUptiResult result = subscribe(&subscriber_, count, this);
    if (result == CUPTI_SUCCESS) result = enable(1, subscriber_, CUPTI_CB_DOMAIN_DRIVER_API);
    return result == CUPTI_SUCCESS ? "" : concat("CUPTI refuses to count the driver's calls, code ", result);
  }
  ~DriverCalls() {
    if (subscriber_ != nullptr) unsubscribe_(subscriber_);
  }

  void clear() { calls_.clear(); }
  int all() const {
    return counted([](const std::string&) { return true; });
  }
  int allocations() const { return counted(allocates); }
  int waits_for() const { return counted(waits); }
  std::string text() const {
    std::vector<std::string> lines;
    for (const auto& [name, times] : calls_) lines.push_back(concat(times, " ", name));
    return join(lines, ", ");
  }

 private:
  template <typename Function>
  static Function find(void* file, const char* name) {
    return reinterpret_cast<Function>(dlsym(file, name));
  }
  static void CUPTIAPI count(void* self, CUpti_CallbackDomain, CUpti_CallbackId, const void* data) {
    const auto* call = static_cast<const CUpti_CallbackData*>(data);
    if (call->callbackSite == CUPTI_API_ENTER) ++static_cast<DriverCalls*>(self)->calls_[call->functionName];
  }
  template <typename Which>
  int counted(Which which) const {
    int sum = 0;
    for (const auto& [name, times] : calls_) sum += which(name) ? times : 0;
    return sum;
  }

  CUpti_SubscriberHandle subscriber_ = nullptr;
  decltype(&cuptiUnsubscribe) unsubscribe_ = nullptr;
  std::map<std::string, int> calls_;
};

struct Row {
  std::string model;
  Precision precision;
  bool fast = false;
};

std::unique_ptr<Plan> training_step(State& state, const Row& row) {
  Trace trace(state, {.precision = row.precision, .fast_sums = row.fast});
  trace_training_step(trace, find_model(row.model), 10, {.batch = batch, .precision = row.precision},
                      DeviceKind::gpu);
  return std::make_unique<Plan>(std::move(trace));
}

void upload_inputs(Device& device, const Plan& plan) {
  const Tensor images = plan["images"];
  std::vector<std::byte> pixels(bytes(images.spec));
  for (size_t i = 0; i < static_cast<size_t>(images.shape().count()); ++i)
    set_number(pixels.data(), images.spec.dtype, i, static_cast<double>(i * 37 % 101) / 50 - 1);
  const std::vector<int32_t> labels(batch, 3);
  const float rate = 0.01F;
  device.upload(images, pixels.data(), device.stream());
  device.upload(plan["labels"], labels.data(), device.stream());
  device.upload(plan["rate"], &rate, device.stream());
}

void expect_launches_alone(Device& gpu, DriverCalls& calls, const Row& row) {
  const std::string name = concat(row.model, " in ", to_string(row.precision), row.fast ? ", fast" : "");
  State state(1);
  const auto plan = training_step(state, row);
  plan->compile(gpu);
  std::cout << plan->table();
  upload_inputs(gpu, *plan);
  gpu.synchronize(gpu.stream());
  const int64_t by_device = gpu.allocations();
  Observer nobody;
  for (const bool recorded : {true, false}) {
    calls.clear();
    for (int step = 0; step < 10; ++step)
      recorded ? plan->run(gpu.stream()) : plan->run(gpu.stream(), nobody);
    std::cout << name << ", 10 " << (recorded ? "" : "un") << "recorded steps: " << calls.text() << "\n";
    EXPECT_GT(calls.all(), 0) << "nothing was counted at all";
    EXPECT_EQ(calls.allocations(), 0) << name << ": " << calls.text();
    EXPECT_EQ(calls.waits_for(), 0) << name << ": " << calls.text();
  }
  EXPECT_EQ(gpu.allocations(), by_device) << name;
  gpu.synchronize(gpu.stream());
}

}  // namespace

TEST(GpuStep, AllocatesNothingAndWaitsForNothing) {
  DLFS_NEEDS_GPU(gpu);
  DriverCalls calls;
  if (const std::string why_not = calls.begin(); !why_not.empty()) GTEST_SKIP() << why_not;

  // The counter itself: one allocation, one free and a wait are seen.
  gpu->allocate(1 << 20);
  gpu->synchronize(gpu->stream());
  EXPECT_GE(calls.allocations(), 2) << calls.text();
  EXPECT_GE(calls.waits_for(), 1) << calls.text();

  for (const Row& row : std::vector<Row>{{.model = "lenet", .precision = Precision::f32},
                                         {.model = "resnet20", .precision = Precision::bf16},
                                         {.model = "resnet20", .precision = Precision::f16},
                                         {.model = "resnet20", .precision = Precision::f16, .fast = true}})
    expect_launches_alone(*gpu, calls, row);
}

}  // namespace dlfs::testing

#else

TEST(GpuStep, AllocatesNothingAndWaitsForNothing) {
  DLFS_NEEDS_GPU(gpu);
  GTEST_SKIP() << "this build has no CUPTI header (cupti.h of the CUDA toolkit), so the driver's calls "
                  "cannot be counted";
}

#endif
