// The stream of samples from real files: the same bytes for any number of threads, from any position, on any machine.
#include <gtest/gtest.h>
#include <jpeglib.h>  // behind <cstdio>, which it needs
#include <unistd.h>
#include <cstdio>

#include <fstream>
#include <iostream>

#include "dlfs/base/random.h"
#include "dlfs/cpu/cpu_device.h"
#include "dlfs/data/formats/formats.h"
#include "dlfs/data/loader/loader.h"
#include "dlfs/testing/data.h"
#include "dlfs/testing/folder.h"

namespace dlfs::testing {
namespace {

constexpr int batch = 8;

std::shared_ptr<const Source> imported(const Folder& folder, const ImportRequest& request) {
  Store store(folder / "my.db", StoreUse::create);
  import_annotations(store, request);
  return std::make_shared<const StoreSource>(std::make_shared<const Snapshot>(store), Split::train,
                                             Purpose::detect);
}

LoaderSettings settings_for(int threads) {
  const Recipe recipe{.transforms = {RandomResizedCrop{.to = {224, 224}}, RandomFlip{},
                                     ColourJitter{.brightness = 0.4F, .hue = 0.05F}, RandomErase{}},
                      .slot = {224, 224}};
  return {.recipe = recipe, .batch = batch, .threads = threads, .boxes = 20};
}

uint64_t hash_of(const LoadedBatch& loaded) {
  uint64_t hash = 0xCBF29CE484222325;
  for (const Tensor* tensor :
       {&loaded.pixels, &loaded.looks, &loaded.labels, &loaded.boxes, &loaded.box_labels}) {
    const auto* data = tensor->as<uint8_t>();
    for (size_t i = 0; i < bytes(tensor->spec); ++i) hash = (hash ^ data[i]) * 0x100000001B3;
  }
  return hash;
}

std::vector<uint64_t> hashes_of(Loader& loader, int batches) {
  std::vector<uint64_t> hashes;
  for (int i = 0; i < batches; ++i) hashes.push_back(hash_of(loader.next()));
  return hashes;
}

uint64_t hash_of(const std::vector<uint64_t>& hashes) {
  uint64_t all = 0;
  for (const uint64_t hash : hashes) all = mix(all ^ hash);
  return all;
}

// `wanted`: of the first samples, where JPEG is decoded by libjpeg-turbo 2.1.
void expect_one_stream(const std::string& data, int samples, uint64_t wanted) {
  const Folder folder;
  const auto source =
      imported(folder, {.format = "coco", .path = data, .json = "", .images = "", .split = {}});
  const auto cpu = open_cpu();
  const int batches = samples / batch;
  Loader alone(source, settings_for(0), *cpu);
  const std::vector<uint64_t> stream = hashes_of(alone, batches);
  for (const int threads : {1, 2, 4, 8}) {
    Loader loader(source, settings_for(threads), *cpu);
    EXPECT_EQ(hashes_of(loader, batches), stream) << threads << " threads";
  }
  Loader resumed(source, settings_for(2), *cpu);
  const int64_t per_epoch = resumed.batches_per_epoch();
  for (const int at : {1, batches / 3, batches - 1}) {
    resumed.seek({.epoch = at / per_epoch + 1, .sample = at % per_epoch * batch});
    const std::vector<uint64_t> rest(stream.begin() + at, stream.end());
    EXPECT_EQ(hashes_of(resumed, batches - at), rest) << "from batch " << at;
  }
  std::cout << "  the first " << samples << " samples: " << std::hex << hash_of(stream) << std::dec << "\n";
#if LIBJPEG_TURBO_VERSION_NUMBER / 1000 == 2001
  EXPECT_EQ(hash_of(stream), wanted);
#else
  static_cast<void>(wanted);
#endif
}

TEST(SampleStream, IsTheSameForThreadsPositionsAndMachines) {
  DLFS_NEEDS_DATA(data, "coco128");
  expect_one_stream(data, 40, 0xDE9258FC5009A4F0);
}

TEST(SlowSampleStream, IsTheSameForThreadsPositionsAndMachines) {
  DLFS_NEEDS_DATA(data, "coco128");
  expect_one_stream(data, 2000, 0xDA2E99CA8AA8C84);
}

int64_t resident_bytes() {
  int64_t pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

// Of the 38 photographs of coco-tiny38, decoded at random windows and sizes, from one epoch to another.
void expect_no_growth(int first, int last) {
  DLFS_NEEDS_DATA(data, "coco-tiny38");
  const Folder folder;
  const auto source =
      imported(folder, {.format = "coco", .path = data, .json = "", .images = "", .split = {}});
  const auto cpu = open_cpu();
  Loader loader(source, settings_for(2), *cpu);
  int64_t before = 0;
  for (int epoch = 1; epoch <= last; ++epoch) {
    for (int64_t i = 0; i < loader.batches_per_epoch(); ++i) loader.next();
    if (epoch == first) before = resident_bytes();
  }
  const int64_t grown = resident_bytes() - before;
  std::cout << "  resident memory grew by " << grown / 1024 << " KiB from epoch " << first << " to " << last
            << "\n";
  EXPECT_LE(grown, 1 << 20);
}

TEST(SlowSampleStream, MemoryStaysAsItIs) { expect_no_growth(10, 100); }

}  // namespace
}  // namespace dlfs::testing
