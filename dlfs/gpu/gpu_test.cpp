#include "dlfs/gpu/gpu.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <numeric>

#include "dlfs/gpu/launch.h"
#include "dlfs/testing/devices.h"
#include "dlfs/testing/error.h"

namespace dlfs::testing {

TEST(LookForGpus, SaysWhatIsHereOrWhyNothingCanBeUsed) {
  const GpuReport report = look_for_gpus({.memory_free = true});
  std::cout << "driver " << report.driver << ", runtime " << report.runtime << ", cuDNN "
            << report.cudnn_version << " " << report.cudnn_path << ", " << report.cards.size() << " cards; "
            << report.why_not << "\n";
  for (const auto& [where, found] : report.cudnn_tried) std::cout << "  " << where << ": " << found << "\n";
  EXPECT_FALSE(report.runtime.empty());
  EXPECT_FALSE(report.cudnn_tried.empty());
  EXPECT_FALSE(report.cards.empty() && report.why_not.empty());
  for (const GpuCard& card : report.cards) {
    EXPECT_GE(card.capability, 30);
    EXPECT_LE(card.memory_free, card.memory_total);
  }
}

TEST(LookForGpus, AnImpossibleCardIsASentence) {
  const GpuReport report = look_for_gpus();
  const std::string error = error_of([] { open_gpu(99); });
  const std::string wanted = report.cards.empty() ? report.why_not : "gpu:99 is not here; this machine has";
  EXPECT_EQ(error.rfind("[gpu] " + wanted, 0), 0U) << error;
}

TEST(LookForGpus, TakesThePlaceThatTheEnvironmentNamesAndNoOther) {
  const char* before = std::getenv("DLFS_CUDNN");
  const std::string kept = before != nullptr ? before : "";
  setenv("DLFS_CUDNN", "/nowhere/libcudnn.so.9", 1);
  const GpuReport report = look_for_gpus();
  before != nullptr ? setenv("DLFS_CUDNN", kept.c_str(), 1) : unsetenv("DLFS_CUDNN");
  ASSERT_EQ(report.cudnn_tried.size(), 1U);
  EXPECT_EQ(report.cudnn_tried[0].where, "/nowhere/libcudnn.so.9");
  EXPECT_TRUE(report.cudnn_version.empty());
  EXPECT_FALSE(report.why_not.empty());
}

static Tensor floats(const Memory& memory, int count) { return {{{1, 1, 1, count}}, memory.data()}; }

// Larger than the ring of pinned memory, and changed at once after the call.
TEST(GpuDevice, WhatWasUploadedMayBeReusedAtOnce) {
  DLFS_NEEDS_GPU(gpu);
  for (const int count : {1, 1000, 7'000'001}) {
    const MemoryPtr memory = gpu->allocate(count * sizeof(float));
    std::vector<float> numbers(count), back(count);
    std::iota(numbers.begin(), numbers.end(), 1.0F);
    const std::vector<float> wanted = numbers;
    for (int round = 0; round < 3; ++round) {
      numbers = wanted;
      gpu->upload(floats(*memory, count), numbers.data(), gpu->stream());
      std::fill(numbers.begin(), numbers.end(), -1.0F);
    }
    gpu->download(floats(*memory, count), back.data(), gpu->stream());
    EXPECT_EQ(back, wanted);
  }
}

TEST(GpuDevice, TooMuchMemoryIsASentenceAndLeavesTheDeviceWell) {
  DLFS_NEEDS_GPU(gpu);
  const std::string error = error_of([&] { gpu->allocate(size_t{1} << 50); });
  EXPECT_NE(error.find("out of memory: 1024.0 TiB are wanted"), std::string::npos) << error;
  EXPECT_NO_THROW(check_launch("nothing"));
  EXPECT_TRUE(gpu->allocate(1024));
  EXPECT_EQ(gpu->allocations(), 1);
}

TEST(GpuDevice, AnErrorWhileRecordingComesThroughAndEndsTheRecording) {
  DLFS_NEEDS_GPU(gpu);
  EXPECT_THROW(gpu->record([](Stream) { throw DeviceError("test", "stop"); }), DeviceError);
  const KernelPtr nothing = gpu->record([](Stream) {});
  nothing->run(gpu->stream());
  gpu->synchronize(gpu->stream());
}

}  // namespace dlfs::testing
