// A training step on a card allocates nothing and waits for nothing: counted by the driver's own callbacks (CUPTI,
// opened at run time), so the calls of cuDNN and of the runtime count as well as ours.
#include <gtest/gtest.h>

#include "dlfs/gpu/gpu.h"
#include "dlfs/graph/plan.h"
#include "dlfs/models/models.h"
#include "dlfs/ops/sgd/sgd.h"
#include "dlfs/ops/softmax_cross_entropy/softmax_cross_entropy.h"
#include "dlfs/testing/devices.h"

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

std::unique_ptr<Plan> training_step(State& state) {
  Trace trace(state);
  const Value images = trace.input("images", {{batch, 28, 28, 1}});
  const Value labels = trace.input("labels", {{batch, 1, 1, 1}, DType::i32});
  const Value rate = trace.input("rate", {{1, 1, 1, 1}});
  trace.loss("loss", softmax_cross_entropy(lenet(images, 10), labels));
  sgd(trace, rate);
  return std::make_unique<Plan>(std::move(trace));
}

void upload_inputs(Device& device, const Plan& plan) {
  const std::vector<float> images(batch * 28 * 28, 0.5F);
  const std::vector<int32_t> labels(batch, 3);
  const float rate = 0.01F;
  device.upload(plan["images"], images.data(), device.stream());
  device.upload(plan["labels"], labels.data(), device.stream());
  device.upload(plan["rate"], &rate, device.stream());
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

  State state(1);
  const auto plan = training_step(state);
  plan->compile(*gpu);
  std::cout << plan->table();
  upload_inputs(*gpu, *plan);
  gpu->synchronize(gpu->stream());
  const int64_t by_device = gpu->allocations();

  calls.clear();
  for (int step = 0; step < 10; ++step) plan->run(gpu->stream());
  std::cout << "10 recorded steps: " << calls.text() << "\n";
  EXPECT_GT(calls.all(), 0) << "nothing was counted at all";
  EXPECT_EQ(calls.allocations(), 0) << calls.text();
  EXPECT_EQ(calls.waits_for(), 0) << calls.text();

  calls.clear();
  Observer nobody;
  for (int step = 0; step < 10; ++step) plan->run(gpu->stream(), nobody);
  std::cout << "10 unrecorded steps: " << calls.text() << "\n";
  EXPECT_EQ(calls.allocations(), 0) << calls.text();
  EXPECT_EQ(calls.waits_for(), 0) << calls.text();

  EXPECT_EQ(gpu->allocations(), by_device);
  gpu->synchronize(gpu->stream());
}

}  // namespace dlfs::testing

#else

TEST(GpuStep, AllocatesNothingAndWaitsForNothing) {
  DLFS_NEEDS_GPU(gpu);
  GTEST_SKIP() << "this build has no CUPTI header (cupti.h of the CUDA toolkit), so the driver's calls "
                  "cannot be counted";
}

#endif
