#include "dlfs/data/loader/jpeg_batches.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>

#include "dlfs/cpu/cpu_device.h"
#include "dlfs/data/loader/plain_jpeg.h"
#include "dlfs/gpu/resample.h"
#include "dlfs/testing/data.h"
#include "dlfs/testing/photos.h"

namespace dlfs::testing {
namespace {

TEST(JpegBatches, TheProcessorHasNone) {
  std::string why_not;
  EXPECT_EQ(open_jpeg_batches(*open_cpu(), {}, {}, why_not), nullptr);
  EXPECT_NE(why_not.find("has no JPEG decoder of its own"), std::string::npos) << why_not;
}

// What reaches the card's decoder is the same picture.
TEST(JpegBatches, PlainFilesShowTheSamePixels) {
  DLFS_NEEDS_DATA(folder, "coco128");
  const Photos photos(folder);
  for (uint32_t i = 0; i < 4; ++i) {
    const auto& [file, name] = photos.image(i);
    Bytes plain(file.size());
    plain.resize(plain_jpeg(file, plain.data()));
    ASSERT_GT(plain.size(), 0U);
    Decoded wanted, found;
    decode_image(file, name, {}, wanted);
    decode_image(plain, "the plain " + name, {}, found);
    EXPECT_EQ(found.image.pixels, wanted.image.pixels) << name;
  }
}

// The arithmetic of the card's kernel, run here, against the renderer: whole samples of real photographs.
TEST(JpegBatches, TheCardsArithmeticIsTheRenderers) {
  DLFS_NEEDS_DATA(folder, "coco128");
  const Photos photos(folder);
  Recipe recipe{.transforms = {RandomResizedCrop{.to = {224, 224}}, RandomFlip{.horizontal = 0.5F}},
                .slot = {224, 224}};
  recipe.channels = 3;
  int64_t off = 0, count = 0;
  for (const Drawn& drawn : drawn_samples(recipe, photos, 6)) {
    const EncodedSample sample = photos.sample(drawn);
    const std::vector<uint8_t> wanted = rendered(recipe, sample, true);
    Decoded decoded;
    decode_image(sample.images[0].file, sample.images[0].name, {.channels = 3}, decoded);
    const Part& part = drawn.parts[0];
    const Size size = decoded.image.size;
    const ResamplePart on_card{.image = upright({.pixels = decoded.image.pixels.data(),
                                                 .pitch = int64_t{3} * size.width,
                                                 .width = size.width,
                                                 .height = size.height}),
                               .x = part.where.x,
                               .y = part.where.y,
                               .width = part.where.width,
                               .height = part.where.height,
                               .across = {.step = part.to_source.a, .start = part.to_source.c},
                               .down = {.step = part.to_source.e, .start = part.to_source.f}};
    for (int y = 0; y < 224; ++y)
      for (int x = 0; x < 224; ++x) {
        float pixel[3] = {};
        draw_pixel<3>(on_card, x, y, pixel);
        for (int k = 0; k < 3; ++k) {
          const int difference = std::abs(static_cast<int>(pixel[k]) - wanted[3 * (224 * y + x) + k]);
          ASSERT_LE(difference, 1) << "at " << x << ", " << y << " of " << sample.images[0].name;
          off += difference;
          ++count;
        }
      }
  }
  EXPECT_LT(off, count / 100) << "of " << count;
}

// Beside bench/peers/jpeg.py --cpu: one thread, pixels as the loader delivers them.
TEST(SlowJpegCrops, RateOfOneThread) {
  DLFS_NEEDS_DATA(folder, "coco128");
  const Photos photos(folder);
  const Recipe recipe{.transforms = {RandomResizedCrop{.to = {224, 224}}, RandomFlip{.horizontal = 0.5F}},
                      .slot = {224, 224}};
  const std::vector<Drawn> drawn = drawn_samples(recipe, photos, 5 * static_cast<int>(photos.count()));
  std::vector<uint8_t> pixels(size_t{224} * 224 * 3);
  Renderer renderer;
  Decoded decoded;
  const auto render = [&](const Drawn& sample) {
    const auto& [file, name] = photos.image(sample.parts[0].image);
    const Size size = inspect_image(file, name).size;
    renderer.begin(recipe, sample, pixels);
    decode_image(file, name, request_for(sample.parts[0], size, 3), decoded);
    renderer.show(sample.parts[0], decoded);
  };
  std::vector<double> rates;
  for (size_t first = 0; first < drawn.size(); first += photos.count()) {
    const auto begin = std::chrono::steady_clock::now();
    for (size_t i = 0; i < photos.count(); ++i) render(drawn[first + i]);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    rates.push_back(photos.count() / seconds.count());
  }
  std::sort(rates.begin(), rates.end());
  std::cout << "  decode, random-resized crop to 224, flip, one thread: " << rates[rates.size() / 2]
            << " images/s\n";
  EXPECT_EQ(pixels, rendered(recipe, photos.sample(drawn.back())));
}

}  // namespace
}  // namespace dlfs::testing
