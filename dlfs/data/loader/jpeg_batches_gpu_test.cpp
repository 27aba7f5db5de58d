#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <thread>

#include "dlfs/base/error.h"
#include "dlfs/base/text.h"
#include "dlfs/data/codec/png.h"
#include "dlfs/data/loader/jpeg_batches.h"
#include "dlfs/data/loader/plain_jpeg.h"
#include "dlfs/gpu/gpu_device.h"
#include "dlfs/gpu/nvjpeg.h"
#include "dlfs/testing/data.h"
#include "dlfs/testing/devices.h"
#include "dlfs/testing/photos.h"

// Declares `filler`, a std::unique_ptr<JpegBatches> on `device`, or skips the test where nvJPEG is missing.
#define DLFS_NEEDS_NVJPEG(filler, device, recipe, settings)                                                 \
  std::string why_no_##filler;                                                                              \
  const std::unique_ptr<JpegBatches> filler = open_jpeg_batches(device, recipe, settings, why_no_##filler); \
  if (filler == nullptr) GTEST_SKIP() << why_no_##filler

namespace dlfs::testing {
namespace {

const Recipe crops{.transforms = {RandomResizedCrop{.to = {224, 224}}, RandomFlip{.horizontal = 0.5F}},
                   .slot = {224, 224}};

// A batch on the device.
class Slot {
 public:
  Slot(Device& device, const Recipe& recipe, int images)
      : device_(device),
        shape_{images, recipe.slot.height, recipe.slot.width, recipe.channels},
        memory_(device.allocate(static_cast<size_t>(shape_.count()))) {}
  Tensor tensor() const { return {{shape_, DType::u8}, memory_->data()}; }
  std::vector<uint8_t> pixels() const {
    std::vector<uint8_t> all(static_cast<size_t>(shape_.count()));
    device_.download(tensor(), all.data(), device_.stream());
    return all;
  }

 private:
  Device& device_;
  Shape shape_;
  MemoryPtr memory_;
};

std::vector<EncodedSample> samples_of(const Photos& photos, const std::vector<Drawn>& drawn) {
  std::vector<EncodedSample> samples;
  samples.reserve(drawn.size());
  for (const Drawn& one : drawn) samples.push_back(photos.sample(one));
  return samples;
}

struct Difference {  // in levels
  double mean = 0, worst_image = 0;
  int worst = -1;  // the image's index
};

// What the device made of the samples, beside what the CPU makes of them from the whole files.
Difference difference_of(const Recipe& recipe, const std::vector<EncodedSample>& samples,
                         const std::vector<uint8_t>& found) {
  Difference all;
  const size_t bytes = found.size() / samples.size();
  for (size_t i = 0; i < samples.size(); ++i) {
    const std::vector<uint8_t> wanted = rendered(recipe, samples[i], true);
    double sum = 0;
    for (size_t at = 0; at < bytes; ++at) sum += std::abs(found[i * bytes + at] - wanted[at]);
    const double mean = sum / static_cast<double>(bytes);
    all.mean += mean / static_cast<double>(samples.size());
    if (mean > all.worst_image) {
      all.worst_image = mean;
      all.worst = static_cast<int>(i);
    }
  }
  return all;
}

void expect_near(const std::string& what, const Recipe& recipe, const std::vector<EncodedSample>& samples,
                 const std::vector<uint8_t>& found) {
  const Difference difference = difference_of(recipe, samples, found);
  const std::string worst = difference.worst < 0 || samples[difference.worst].images.empty()
                                ? ""
                                : samples[difference.worst].images[0].name;
  std::cout << "  " << what << ": mean difference " << fixed(difference.mean, 3) << " levels, of one image "
            << fixed(difference.worst_image, 3) << " (" << worst << ")\n";
  EXPECT_LT(difference.mean, 2);
  EXPECT_LT(difference.worst_image, 4) << worst;
}

std::string to_string(const JpegCounts& counts) {
  return concat(counts.engine, " by engines, ", counts.cuda, " by CUDA, ", counts.cpu, " by the CPU");
}

}  // namespace

// Crops and flips; smaller than the slot, with a fill; several parts side by side and over one another; in gray.
TEST(GpuJpeg, BatchesAreNearTheProcessors) {
  DLFS_NEEDS_GPU(gpu);
  DLFS_NEEDS_DATA(folder, "coco128");
  const Photos photos(folder);
  Recipe shortest{.transforms = {ShortestEdge{.lengths = {160}, .longest = 256}}, .slot = {256, 256}};
  Recipe letterbox{
      .transforms = {Letterbox{.to = {320, 320}}, RandomFlip{.horizontal = 0.5F, .vertical = 0.5F}},
      .slot = {320, 320}};
  Recipe mosaic{.transforms = {Mosaic{.to = {320, 320}}}, .slot = {320, 320}};
  Recipe mixup{.transforms = {Stretch{.to = {160, 160}}, Mixup{.probability = 1, .alpha = 1}},
               .slot = {160, 160}};
  Recipe gray = crops;
  gray.channels = 1;
  for (const auto& [name, recipe] : {std::pair("crops", crops),
                                     {"shortest edge", shortest},
                                     {"letterbox", letterbox},
                                     {"mosaic", mosaic},
                                     {"mixup", mixup},
                                     {"gray crops", gray}}) {
    DLFS_NEEDS_NVJPEG(filler, *gpu, recipe, {});
    const std::vector<Drawn> drawn = drawn_samples(recipe, photos, 128);
    const std::vector<EncodedSample> samples = samples_of(photos, drawn);
    const Slot slot(*gpu, recipe, 128);
    EXPECT_TRUE(filler->fill(samples, slot.tensor()).empty());
    expect_near(concat(name, ", ", to_string(filler->counts())), recipe, samples, slot.pixels());
    EXPECT_EQ(filler->counts().cpu, 0) << "all of COCO is for the card";
  }
}

// The same file with each of EXIF's orientations before its first segment.
TEST(GpuJpeg, OrientationIsTheProcessors) {
  DLFS_NEEDS_GPU(gpu);
  DLFS_NEEDS_DATA(folder, "coco128");
  DLFS_NEEDS_NVJPEG(filler, *gpu, crops, {});
  const Bytes file = read_file(folder + "/train2017/000000000009.jpg");
  std::vector<Bytes> files;
  std::vector<Drawn> drawn(8);
  std::vector<EncodedSample> samples;
  for (int orientation = 1; orientation <= 8; ++orientation) {
    std::string exif(
        "\xFF\xE1\0\x22"
        "Exif\0\0"
        "II*\0\x08\0\0\0"
        "\1\0"
        "\x12\1\3\0\1\0\0\0?\0\0\0"
        "\0\0\0\0",
        36);
    exif[exif.find('?')] = static_cast<char>(orientation);
    Bytes& turned = files.emplace_back(file);
    const auto bytes = std::as_bytes(std::span(exif));
    turned.insert(turned.begin() + 2, bytes.begin(), bytes.end());
  }
  for (int i = 0; i < 8; ++i) {
    const Size size = inspect_image(files[i], "turned").size;
    drawn[i].size = {200, 150};
    drawn[i].parts = {{.image = 0,
                       .where = {0, 0, 200, 150},
                       .to_source = {.a = size.width / 200.0, .e = size.height / 150.0}}};
    samples.push_back({&drawn[i], {{files[i], concat("orientation ", i + 1)}}});
  }
  EXPECT_NE(inspect_image(files[5], "turned").size.width, inspect_image(files[0], "turned").size.width);
  const Slot slot(*gpu, crops, 8);
  EXPECT_TRUE(filler->fill(samples, slot.tensor()).empty());
  EXPECT_EQ(filler->counts().cpu, 0);
  expect_near("eight orientations", crops, samples, slot.pixels());
}

// PNG, a file that is cut short, one that is none, a map that turns: each in its place between good neighbours, in a batch
// that goes at once or in parts; and what is faulty is named.
TEST(GpuJpeg, WhatTheCardDoesNotTakeIsDoneByTheProcessor) {
  DLFS_NEEDS_GPU(gpu);
  DLFS_NEEDS_DATA(folder, "coco128");
  const Photos photos(folder);
  const Bytes png = encode_png(Picture({300, 200}, {200, 100, 50}));
  const std::string nonsense = "nothing that anybody draws";
  std::vector<Drawn> drawn = drawn_samples(crops, photos, 8);
  drawn[5].parts[0].to_source = {.a = 1, .b = 0.2, .c = 20, .d = -0.2, .e = 1, .f = 60};
  drawn[5].parts[0].shown = {0, 0, 400, 400};
  std::vector<EncodedSample> samples = samples_of(photos, drawn);
  for (Part& part : drawn[1].parts) part.to_source = {.a = 1, .e = 0.8};
  samples[1].images = {{png, "a picture.png"}};
  samples[2].images[0] = {samples[2].images[0].file.first(9000), "cut short.jpg"};
  samples[3].images[0] = {std::as_bytes(std::span(nonsense)), "nonsense.jpg"};
  std::vector<uint8_t> at_once;
  for (const size_t memory : {size_t{1} << 30, size_t{2} << 20, size_t{1000}}) {
    DLFS_NEEDS_NVJPEG(filler, *gpu, crops, {.memory = memory});
    const Slot slot(*gpu, crops, 8);
    for (int round = 0; round < 2; ++round) {
      std::vector<FaultySample> faults = filler->fill(samples, slot.tensor());
      std::sort(faults.begin(), faults.end(), [](auto& a, auto& b) { return a.sample < b.sample; });
      ASSERT_EQ(faults.size(), 2U);
      EXPECT_EQ(faults[0].sample, 2);
      EXPECT_NE(faults[0].why.find("cut short.jpg"), std::string::npos) << faults[0].why;
      EXPECT_EQ(faults[1].sample, 3);
      EXPECT_NE(faults[1].why.find("nonsense.jpg"), std::string::npos) << faults[1].why;
    }
    std::cout << "  memory of " << human_bytes(memory) << ": " << to_string(filler->counts()) << "\n";
    std::vector<uint8_t> pixels = slot.pixels();
    const size_t bytes = pixels.size() / 8;
    for (const int faulty : {2, 3})
      EXPECT_TRUE(std::all_of(&pixels[faulty * bytes], &pixels[faulty * bytes] + bytes,
                              [](uint8_t level) { return level == crops.fill; }));
    std::vector<EncodedSample> good = samples;
    good.erase(good.begin() + 2, good.begin() + 4);
    pixels.erase(pixels.begin() + static_cast<ptrdiff_t>(2 * bytes),
                 pixels.begin() + static_cast<ptrdiff_t>(4 * bytes));
    expect_near("good ones", crops, good, pixels);
    if (at_once.empty()) at_once = pixels;
    EXPECT_TRUE(memory == 1000 || pixels == at_once) << "in parts it is another batch";
  }
}

// ---- speed ----
namespace {

constexpr int batch = 256, rounds = 5, batches_a_round = 8;

// `work(lane)` does one batch; each lane has a thread. Gives the images a second of the median round.
template <typename Work>
double images_per_second(int lanes, const Work& work) {
  const auto run = [&](int batches) {
    std::vector<std::thread> threads(lanes);
    for (int lane = 0; lane < lanes; ++lane)
      threads[lane] = std::thread([&, lane] {
        for (int i = 0; i < batches; ++i) work(lane);
      });
    for (std::thread& thread : threads) thread.join();
  };
  run(3);
  std::vector<double> rates;
  for (int round = 0; round < rounds; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    run(batches_a_round);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    rates.push_back(lanes * batches_a_round * batch / seconds.count());
  }
  std::sort(rates.begin(), rates.end());
  return rates[rounds / 2];
}

// nvJPEG alone, on files that were reduced before.
struct DecodeLane {
  DecodeLane(const Photos& photos, std::string& engines) : gpu(open_gpu(0)) {
    std::vector<LibraryPlace> tried;
    nvjpeg = NvJpeg::open(tried);
    dlfs::gpu(*gpu).use();
    nvjpeg->connect(3);
    engines = nvjpeg->engines();
    size_t bytes = 0;
    files.resize(batch);
    for (int i = 0; i < batch; ++i) {
      const auto& [file, name] = photos.image(i % photos.count());
      files[i].resize(file.size());
      files[i].resize(plain_jpeg(file, files[i].data()));
      const ImageHeader header = inspect_image(file, name);
      const auto side = static_cast<size_t>(std::max(header.size.width, header.size.height));
      const size_t pitch = aligned(3 * side);
      targets.push_back({files[i], nullptr, pitch});
      offsets.push_back(bytes);
      bytes += pitch * side;
    }
    memory = gpu->allocate(bytes);
    for (int i = 0; i < batch; ++i) targets[i].pixels = static_cast<uint8_t*>(memory->at(offsets[i]));
  }
  void work() {
    dlfs::gpu(*gpu).use();
    DLFS_CHECK(nvjpeg->decode(nvjpeg->route(files[0]), targets, gpu->stream()), "a photograph is refused");
    gpu->synchronize(gpu->stream());
  }

  std::unique_ptr<Device> gpu;
  std::unique_ptr<NvJpeg> nvjpeg;
  std::vector<Bytes> files;
  std::vector<JpegTarget> targets;
  std::vector<size_t> offsets;
  MemoryPtr memory;
};

// Files to normalised f32 batches of 224 x 224.
struct CropLane {
  CropLane(const std::vector<EncodedSample>& all, std::shared_ptr<std::mutex> turn, std::string& why_not)
      : gpu(open_gpu(0)), samples(all), slot(*gpu, crops, batch), scratch() {
    filler = open_jpeg_batches(*gpu, crops, {.turn = turn}, why_not);
    const Shape shape = slot.tensor().shape();
    y_memory = gpu->allocate(static_cast<size_t>(shape.count()) * sizeof(float));
    look_memory = gpu->allocate(batch * sizeof(Look));
    const std::vector<Look> looks(batch, {.width = 224, .height = 224});
    const Tensor look{{{batch, 1, 1, look_numbers}}, look_memory->data()};
    gpu->upload(look, looks.data(), gpu->stream());
    Site site{.in = {slot.tensor(), look},
              .out = {{{shape}, y_memory->data()}},
              .saved = {},
              .d_out = {},
              .d_in = {},
              .scratch = scratch};
    prepare = prepare_function({.mean = {0.485F, 0.456F, 0.406F}, .deviation = {0.229F, 0.224F, 0.225F}})
                  ->forward(*gpu, site);
  }
  void work() {
    const size_t first = static_cast<size_t>(next++ % 4) * batch;
    DLFS_CHECK(filler->fill({samples.data() + first, batch}, slot.tensor()).empty(),
               "a photograph is refused");
    prepare->run(gpu->stream());
    gpu->synchronize(gpu->stream());
  }

  std::unique_ptr<Device> gpu;
  const std::vector<EncodedSample>& samples;  // four batches
  Slot slot;
  Scratch scratch;
  MemoryPtr y_memory, look_memory;
  std::unique_ptr<JpegBatches> filler;
  KernelPtr prepare;
  int next = 0;
};

}  // namespace

TEST(GpuJpeg, Throughput) {
  DLFS_NEEDS_GPU(gpu);
  DLFS_NEEDS_DATA(folder, "coco128");
  const Photos photos(folder);
  DLFS_NEEDS_NVJPEG(filler, *gpu, crops, {});
  double pixels = 0, bytes = 0;
  for (uint32_t i = 0; i < photos.count(); ++i) {
    const Size size = photos.subject(i).size;
    pixels += 1.0 * size.width * size.height / photos.count();
    bytes += static_cast<double>(photos.image(i).file.size()) / photos.count();
  }
  std::string engines;
  std::vector<std::unique_ptr<DecodeLane>> decoders(4);
  for (auto& decoder : decoders) decoder = std::make_unique<DecodeLane>(photos, engines);
  std::cout << "  " << gpu->name() << ", " << engines << "; " << photos.count() << " photographs of "
            << fixed(pixels / 1e6, 3) << " MP and " << fixed(bytes / 1024, 0)
            << " KiB in the mean, batches of " << batch << "\n";
  for (int lanes = 1; lanes <= 4; ++lanes)
    std::cout << "  decode only, " << lanes
              << " threads: " << fixed(images_per_second(lanes, [&](int lane) { decoders[lane]->work(); }), 0)
              << " images/s\n";
  decoders.clear();

  const std::vector<Drawn> drawn = drawn_samples(crops, photos, 4 * batch);
  const std::vector<EncodedSample> samples = samples_of(photos, drawn);
  const auto turn = std::make_shared<std::mutex>();
  std::vector<std::unique_ptr<CropLane>> fillers(4);
  for (auto& one : fillers) one = std::make_unique<CropLane>(samples, turn, why_no_filler);
  for (int lanes = 1; lanes <= 4; ++lanes)
    std::cout << "  decode, random-resized crop to 224, flip, normalise to f32, " << lanes
              << " threads: " << fixed(images_per_second(lanes, [&](int lane) { fillers[lane]->work(); }), 0)
              << " images/s\n";
  fillers[0]->next = 0;
  fillers[0]->work();
  expect_near(concat("the first batch, ", to_string(fillers[0]->filler->counts())), crops,
              {samples.begin(), samples.begin() + batch}, fillers[0]->slot.pixels());
}

}  // namespace dlfs::testing
