#include "dlfs/cpu/cpu_device.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <vector>

#include "dlfs/testing/error.h"

namespace dlfs {
namespace {

using testing::error_of;

TEST(CpuDevice, IsNamedAfterItsModel) {
  const auto device = open_cpu();
  EXPECT_EQ(device->kind(), DeviceKind::cpu);
  EXPECT_EQ(device->name(), "cpu: " + cpu_facts().model);
  EXPECT_EQ(device->stream().native, nullptr);
}

TEST(CpuDevice, AllocatesAlignedBytesAndCountsThem) {
  const auto device = open_cpu();
  std::vector<MemoryPtr> memories;
  for (const size_t size : {size_t{0}, size_t{1}, size_t{257}, size_t{1} << 20}) {
    memories.push_back(device->allocate(size));
    EXPECT_EQ(memories.back()->size(), size);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memories.back()->data()) % alignment, 0U);
  }
  EXPECT_EQ(device->allocations(), 4);
}

TEST(CpuDevice, RefusesWhatCannotFit) {
  const auto device = open_cpu();
  for (const size_t size : {size_t{1} << 50, std::numeric_limits<size_t>::max()}) {
    const std::string error = error_of([&] { device->allocate(size); });
    EXPECT_EQ(error.find("[cpu] cannot allocate " + human_bytes(size)), 0U) << error;
    EXPECT_NE(error.find("are free"), std::string::npos) << error;
  }
  EXPECT_EQ(device->allocations(), 0);
}

TEST(CpuDevice, DownloadsWhatWasUploaded) {
  const auto device = open_cpu();
  const MemoryPtr memory = device->allocate(5 * sizeof(int32_t));
  const Tensor tensor{{{1, 1, 1, 4}, DType::i32}, memory->data()};
  std::vector<int32_t> sent{1, -2, 3, 4}, received(5, 7);
  device->upload(tensor, sent.data(), device->stream());
  sent.assign(4, 0);
  device->download(tensor, received.data(), device->stream());
  EXPECT_EQ(received, (std::vector<int32_t>{1, -2, 3, 4, 7}));
}

TEST(CpuDevice, ARecordingRepeatsItsWork) {
  const auto device = open_cpu();
  int runs = 0;
  const KernelPtr kernel = device->record([&](Stream stream) {
    EXPECT_EQ(stream.native, nullptr);
    ++runs;
  });
  EXPECT_EQ(runs, 0);
  kernel->run(device->stream());
  kernel->run(device->stream());
  device->synchronize(device->stream());
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(device->allocations(), 0);
}

TEST(CpuDevice, KnowsTheFactsForDoctor) {
  const CpuFacts facts = cpu_facts();
  EXPECT_FALSE(facts.model.empty());
  EXPECT_GE(facts.cores, 1);
  EXPECT_GE(facts.threads, 1);
  EXPECT_EQ(facts.onednn.rfind("3.", 0), 0U) << facts.onednn;
  EXPECT_FALSE(facts.instructions.empty());
}

}  // namespace
}  // namespace dlfs
