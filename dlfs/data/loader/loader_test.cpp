#include "dlfs/data/loader/loader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "dlfs/cpu/cpu_device.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/formula_source.h"

namespace dlfs::testing {
namespace {

Recipe some_recipe() {
  return {.transforms = {RandomResizedCrop{.to = {16, 12}}, RandomFlip{}, ColourJitter{.brightness = 0.3F}},
          .slot = {16, 12}};
}

LoaderSettings some_settings(int threads) {
  return {.recipe = some_recipe(), .batch = 8, .threads = threads, .boxes = 3};
}

template <typename T>
uint64_t hash_of(uint64_t hash, const Tensor& tensor, int index, int batch) {
  const size_t size = bytes(tensor.spec) / batch;
  const auto* data = tensor.as<uint8_t>() + index * size;
  for (size_t i = 0; i < size; ++i) hash = (hash ^ data[i]) * 0x100000001B3;
  return hash;
}

// All that is delivered of one sample.
uint64_t hash_of(const LoadedBatch& batch, int index) {
  const int n = batch.pixels.shape().n;
  uint64_t hash = 0xCBF29CE484222325;
  for (const Tensor* tensor : {&batch.pixels, &batch.looks, &batch.labels, &batch.boxes, &batch.box_labels})
    hash = hash_of<uint8_t>(hash, *tensor, index, n);
  return hash;
}

// The next `count` samples, by their place in the stream.
std::map<std::pair<int64_t, int64_t>, uint64_t> take(Loader& loader, int count) {
  std::map<std::pair<int64_t, int64_t>, uint64_t> samples;
  while (static_cast<int>(samples.size()) < count) {
    const LoaderPosition at = loader.position();
    const LoadedBatch& batch = loader.next();
    EXPECT_EQ(batch.position, at);
    for (int i = 0; i < batch.count; ++i)
      EXPECT_TRUE(samples.insert({{at.epoch, at.sample + i}, hash_of(batch, i)}).second) << at.sample + i;
  }
  return samples;
}

std::shared_ptr<const FormulaSource> formula(const FormulaSettings& settings = {}) {
  return std::make_shared<const FormulaSource>(settings);
}

TEST(Loader, NoNumberOfThreadsChangesASample) {
  const auto cpu = open_cpu();
  const auto source = formula();
  Loader alone(source, some_settings(0), *cpu);
  const auto wanted = take(alone, 240);  // into the third epoch: 12 batches an epoch, 4 images left over
  EXPECT_EQ(alone.position(), (LoaderPosition{3, 48}));
  for (const int threads : {1, 2, 4, 8}) {
    Loader loader(source, some_settings(threads), *cpu);
    EXPECT_EQ(take(loader, 240), wanted) << threads << " threads";
  }
}

TEST(Loader, GoesOnFromAnyPosition) {
  const auto cpu = open_cpu();
  const auto source = formula();
  Loader loader(source, some_settings(2), *cpu);
  const auto whole = take(loader, 200);
  for (const LoaderPosition position : {LoaderPosition{2, 16}, LoaderPosition{1, 3}, LoaderPosition{1, 88}}) {
    loader.seek(position);
    EXPECT_EQ(loader.position(), position);
    for (const auto& [place, hash] : take(loader, 24)) {
      if (whole.contains(place)) {
        EXPECT_EQ(hash, whole.at(place)) << place.first << " " << place.second;
      }
    }
  }
}

TEST(Loader, EachEpochShowsEachImageOnce) {
  const auto cpu = open_cpu();
  LoaderSettings settings = some_settings(2);
  settings.batch = 10;
  Loader loader(formula(), settings, *cpu);
  std::vector<std::vector<uint32_t>> orders;
  for (int epoch = 0; epoch < 2; ++epoch) {
    std::vector<uint32_t>& order = orders.emplace_back();
    for (int i = 0; i < loader.batches_per_epoch(); ++i) {
      const LoadedBatch& batch = loader.next();
      order.insert(order.end(), batch.images.begin(), batch.images.end());
    }
    EXPECT_EQ(std::set<uint32_t>(order.begin(), order.end()).size(), 100U);
  }
  EXPECT_NE(orders[0], orders[1]);
}

TEST(Loader, AnEvaluationEndsWithASmallerBatch) {
  const auto cpu = open_cpu();
  LoaderSettings settings = some_settings(2);
  settings.recipe = {.transforms = {Stretch{{16, 12}}}, .slot = {16, 12}};
  settings.sampling.order = Order::in_order;
  settings.training = false;
  Loader loader(formula(), settings, *cpu);
  EXPECT_EQ(loader.batches_per_epoch(), 13);
  for (uint32_t seen = 0; seen < 100;) {
    const LoadedBatch& batch = loader.next();
    EXPECT_EQ(batch.count, seen < 96 ? 8 : 4);
    for (int i = 0; i < batch.count; ++i, ++seen) {
      EXPECT_EQ(batch.images[i], seen);
      EXPECT_EQ(batch.labels.as<int32_t>()[i], static_cast<int32_t>(seen % 5));
    }
  }
}

TEST(Loader, SkipsCountsAndNamesWhatCannotBeRead) {
  const auto cpu = open_cpu();
  const std::set<uint32_t> broken = {3, 17, 99};
  const auto make = [&] {
    auto source = std::make_shared<FormulaSource>();
    source->before_load = [&](uint32_t image) {
      if (broken.contains(image)) throw FileError("jpeg", concat("formula ", image, ": ends early"));
    };
    return source;
  };
  std::vector<std::map<std::pair<int64_t, int64_t>, uint64_t>> streams;
  for (const int threads : {0, 4}) {
    Loader loader(make(), some_settings(threads), *cpu);
    streams.push_back(take(loader, 200));
    std::set<std::string> names;
    for (const SkippedImage& skipped : loader.skipped()) {
      names.insert(skipped.name);
      EXPECT_EQ(skipped.why, "[jpeg] " + skipped.name + ": ends early");
    }
    EXPECT_EQ(names, (std::set<std::string>{"formula 3", "formula 17", "formula 99"}));
    EXPECT_EQ(loader.meters().skipped, 3);
  }
  EXPECT_EQ(streams[0], streams[1]) << "what takes their place is a function of the sample";

  LoaderSettings settings = some_settings(2);
  settings.sampling.order = Order::in_order;
  settings.training = false;
  Loader evaluation(make(), settings, *cpu);
  for (uint32_t seen = 0; seen < 100;) {
    const LoadedBatch& batch = evaluation.next();
    for (int i = 0; i < batch.count; ++i, ++seen) {
      EXPECT_EQ(batch.labels.as<int32_t>()[i] == unread_label, broken.contains(seen)) << seen;
      EXPECT_EQ(batch.images[i], seen) << "whether it could be read or not";
      for (int k = 0; k < settings.boxes && broken.contains(seen); ++k)
        EXPECT_EQ(batch.box_labels.as<int32_t>()[settings.boxes * i + k], -1) << "of what stood there before";
    }
  }
}

TEST(Loader, GivesUpWhereNothingCanBeRead) {
  const auto cpu = open_cpu();
  auto source = std::make_shared<FormulaSource>();
  source->before_load = [](uint32_t image) {
    throw FileError("jpeg", concat("formula ", image, ": is none"));
  };
  for (const int threads : {0, 2}) {
    Loader loader(source, some_settings(threads), *cpu);
    try {
      loader.next();
      FAIL();
    } catch (const Error& error) {
      EXPECT_NE(
          std::string(error.what()).find("17 images in a row cannot be read; the last: [jpeg] formula "),
          std::string::npos)
          << error.what();
    }
  }
}

// Threads that are hit, at moments that the test's own chance picks, by what no file explains.
void expect_nothing_lost(int hits) {
  const auto cpu = open_cpu();
  const auto wanted = [&] {
    Loader loader(formula(), some_settings(0), *cpu);
    return take(loader, 96);
  }();
  for (int hit = 0; hit < hits; ++hit) {
    auto source = std::make_shared<FormulaSource>();
    std::atomic<int64_t> left = static_cast<int64_t>(Random(hit).below(0, 90));
    source->before_load = [&](uint32_t) {
      if (left-- == 0) throw std::runtime_error("hit");
    };
    Loader loader(source, some_settings(1 + hit % 4), *cpu);
    ASSERT_EQ(take(loader, 96), wanted) << hit;
    EXPECT_TRUE(loader.skipped().empty());
  }
}

TEST(Loader, AThreadThatIsHitLosesNothing) { expect_nothing_lost(20); }
TEST(SlowLoader, AThreadThatIsHitLosesNothing) { expect_nothing_lost(1000); }

TEST(Loader, WhatFailsAgainAndAgainReachesTheCaller) {
  const auto cpu = open_cpu();
  auto source = std::make_shared<FormulaSource>();
  source->before_load = [](uint32_t) { throw std::runtime_error("hit"); };
  for (const int threads : {0, 3}) {
    Loader loader(source, some_settings(threads), *cpu);
    EXPECT_THROW(loader.next(), std::runtime_error);
    EXPECT_THROW(loader.next(), std::runtime_error) << "and stays";
  }
}

TEST(Loader, AnOrderThatCannotBeMadeReachesTheCaller) {
  struct Failing : FormulaSource {  // whose labels cannot be had a second time
    Subject subject(uint32_t image) const override {
      if (asked++ >= 100) throw std::runtime_error("hit");
      return FormulaSource::subject(image);
    }
    mutable std::atomic<int> asked = 0;
  };
  const auto cpu = open_cpu();
  LoaderSettings settings = some_settings(3);
  settings.sampling.order = Order::class_balanced;
  Loader loader(std::make_shared<Failing>(), settings, *cpu);
  loader.seek({2, 0});
  EXPECT_THROW(loader.next(), std::runtime_error);
}

void expect_prompt_end(int ends) {
  const auto cpu = open_cpu();
  const auto source = formula();
  for (int i = 0; i < ends; ++i) {
    Loader loader(source, some_settings(1 + i % 4), *cpu);
    for (uint32_t batches = Random(i).below(0, 6); batches > 0; --batches) loader.next();
    if (i % 3 == 0) loader.seek({1, 8});
  }
}

TEST(Loader, EndsAtAnyMoment) { expect_prompt_end(50); }
TEST(SlowLoader, EndsAtAnyMoment) { expect_prompt_end(500); }

TEST(Loader, WorksAheadOnlySoFar) {
  const auto cpu = open_cpu();
  const auto source = formula({.count = 1000});
  Loader loader(source, some_settings(2), *cpu);
  loader.next();
  for (int i = 0; i < 50 && source->loads < 32; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(source->loads, 8 * 4) << "one in use, one that may still be read, two ahead";
}

// A device that is still busy with the batch before: its fences are passed late.
class BusyDevice : public Device {
 public:
  DeviceKind kind() const override { return cpu_->kind(); }
  MemoryPtr allocate(size_t size) override { return cpu_->allocate(size); }
  void upload(const Tensor& to, const void* from, Stream stream) override { cpu_->upload(to, from, stream); }
  void download(const Tensor& from, void* to, Stream stream) override { cpu_->download(from, to, stream); }
  void synchronize(Stream stream) override { cpu_->synchronize(stream); }
  KernelPtr record(std::function<void(Stream)> work) override { return cpu_->record(std::move(work)); }
  std::unique_ptr<Fence> fence() override { return std::make_unique<Late>(); }

 private:
  struct Late : Fence {
    void wait() override { std::this_thread::sleep_for(std::chrono::milliseconds(20)); }
  };
  std::unique_ptr<Device> cpu_ = open_cpu();
};

TEST(Loader, WaitingForTheDeviceIsNotWaitingForImages) {
  BusyDevice device;
  Loader loader(formula(), some_settings(2), device);
  for (int i = 0; i < 12; ++i) loader.next();
  EXPECT_LT(loader.meters().wait_seconds, 0.1) << "of 0.2 s that the device took";
}

TEST(Loader, AnUnreadablePartOfASampleIsNamed) {
  struct Files : FormulaSource {  // of which one is broken
    void read(uint32_t image, Bytes&) const override {
      if (image == 7) throw FileError("jpeg", "formula 7: ends early");
    }
  };
  const Files source;
  const Recipe recipe{.transforms = {Mosaic{.to = {16, 12}}}, .slot = {16, 12}};
  EncodedBatch batch(nullptr, 1);
  int met = 0;
  for (uint64_t key = 0; key < 100; ++key) try {
      batch.prepare(0, source, recipe, 3, key);
    } catch (const UnreadableImage& error) {
      EXPECT_EQ(error.image(), 7U) << "not the one that it was to go with";
      ++met;
    }
  EXPECT_GT(met, 0);
}

TEST(Loader, LeavesOutCrowdsAndBoxesThatDoNotFit) {
  const auto cpu = open_cpu();
  LoaderSettings settings = some_settings(0);
  settings.recipe = {.transforms = {Stretch{{16, 12}}}, .slot = {16, 12}};
  settings.boxes = 2;
  const auto source = formula();
  Loader loader(source, settings, *cpu);
  for (int b = 0; b < 12; ++b) {
    const LoadedBatch& batch = loader.next();
    for (int i = 0; i < batch.count; ++i) {
      const auto boxes = source->subject(batch.images[i]).boxes;
      const int32_t* labels = batch.box_labels.as<int32_t>() + 2 * i;
      for (size_t k = 0; k < 2; ++k) EXPECT_EQ(labels[k], k < boxes.size() ? boxes[k].label : -1);
    }
  }
}

TEST(Loader, DrawsFromAMixOfSources) {
  const auto cpu = open_cpu();
  const auto first = formula({.count = 60}), second = formula({.count = 20});
  const auto both =
      std::make_shared<const MixedSource>(std::vector<std::shared_ptr<const Source>>{first, second});
  LoaderSettings settings = some_settings(2);
  settings.sampling = {.order = Order::mixed, .mix = {{.images = 60, .weight = 0}, {.images = 20}}};
  Loader loader(both, settings, *cpu);
  for (int i = 0; i < 10; ++i) loader.next();
  EXPECT_EQ(first->loads, 0);
  EXPECT_GT(second->loads, 60);
  const auto other = formula({.classes = 4});
  EXPECT_THROW(MixedSource({first, other}), UsageError);
}

TEST(Loader, RefusesABatchThatNoEpochFills) {
  const auto cpu = open_cpu();
  LoaderSettings settings = some_settings(0);
  settings.batch = 101;
  expect_error<UsageError>(
      [&] { Loader(formula(), settings, *cpu); },
      "[data] a batch of 101 is more than the 100 images that there are; take a smaller one");
}

}  // namespace
}  // namespace dlfs::testing
