#include "dlfs/gpu/resample.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "dlfs/base/random.h"
#include "dlfs/testing/devices.h"

namespace dlfs::testing {
namespace {

using Levels = std::vector<uint8_t>;

Levels random_levels(int count, uint64_t key) {
  const Random random(key);
  Levels levels(count);
  for (int i = 0; i < count; ++i) levels[i] = static_cast<uint8_t>(random.uniform(i) * 256);
  return levels;
}

// The stored place of what an upright image shows at (u, v), as EXIF's table says it: for each orientation the visual side
// of row 0 and of column 0.
std::pair<int, int> stored_place(int orientation, int u, int v, int width, int height) {
  const int last_x = width - 1, last_y = height - 1;
  switch (orientation) {
    case 2:
      return {last_x - u, v};  // top, right
    case 3:
      return {last_x - u, last_y - v};  // bottom, right
    case 4:
      return {u, last_y - v};  // bottom, left
    case 5:
      return {v, u};  // left, top
    case 6:
      return {v, last_y - u};  // right, top
    case 7:
      return {last_x - v, last_y - u};  // right, bottom
    case 8:
      return {last_x - v, u};  // left, bottom
    default:
      return {u, v};  // top, left
  }
}

TEST(Resample, UprightImagesOfAllOrientations) {
  const int width = 5, height = 3;
  const Levels pixels = random_levels(16 * height, 1);
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const Upright image = upright({.pixels = pixels.data(),
                                   .pitch = 16,
                                   .width = width,
                                   .height = height,
                                   .channels = 3,
                                   .orientation = orientation});
    ASSERT_EQ(image.width, orientation < 5 ? width : height);
    ASSERT_EQ(image.height, orientation < 5 ? height : width);
    for (int v = 0; v < image.height; ++v)
      for (int u = 0; u < image.width; ++u) {
        const auto [x, y] = stored_place(orientation, u, v, width, height);
        EXPECT_EQ(image.first + u * image.across + v * image.down, &pixels[16 * y + 3 * x])
            << "orientation " << orientation << " at " << u << ", " << v;
      }
  }
}

// One axis of Pillow's filter, in double and in order of definition.
std::vector<double> weights_of(const AxisMap& map, int at, int size) {
  const double center = map.step * (at + 0.5) + map.start, reach = std::max(1.0, std::abs(map.step));
  std::vector<double> weights(size);
  double sum = 0;
  for (int i = 0; i < size; ++i) sum += weights[i] = std::max(0.0, 1 - std::abs(i + 0.5 - center) / reach);
  if (sum == 0) weights[center < 0 ? 0 : size - 1] = sum = 1;
  for (double& weight : weights) weight /= sum;
  return weights;
}

double reference(const Upright& image, const ResamplePart& part, int x, int y, int channel) {
  const std::vector<double> across = weights_of(part.across, x, image.width),
                            down = weights_of(part.down, y, image.height);
  double sum = 0;
  for (int v = 0; v < image.height; ++v) {
    double line = 0;
    for (int u = 0; u < image.width; ++u)
      line += across[u] * image.first[u * image.across + v * image.down + channel];
    sum += down[v] * std::floor(line + 0.5);
  }
  return std::floor(sum + 0.5);
}

// Shrunk, grown, mirrored, over an edge, beyond the image, and one to one.
std::vector<ResamplePart> parts_of(const Upright& image) {
  std::vector<ResamplePart> parts;
  for (const AxisMap across : {AxisMap{1, 0}, {2.37, 1.25}, {-1.8, 30.5}, {0.4, 3.3}, {7.9, -20}, {-0.3, 9}})
    for (const AxisMap down : {AxisMap{1, 2}, {3.01, -2.5}, {-0.77, 12}, {0.5, 20}})
      parts.push_back(
          {.image = image, .x = 1, .y = 2, .width = 14, .height = 9, .across = across, .down = down});
  return parts;
}

TEST(Resample, GivesTheNumbersOfTheFilter) {
  const Levels pixels = random_levels(32 * 3 * 24, 2);
  int64_t off = 0, count = 0;
  for (const int orientation : {1, 6}) {
    const Upright image = upright({.pixels = pixels.data(),
                                   .pitch = 32 * 3,
                                   .width = 32,
                                   .height = 24,
                                   .channels = 3,
                                   .orientation = orientation});
    for (const ResamplePart& part : parts_of(image))
      for (int y = part.y; y < part.y + part.height; ++y)
        for (int x = part.x; x < part.x + part.width; ++x) {
          float pixel[3] = {50, 60, 70};
          draw_pixel<3>(part, x, y, pixel);
          for (int k = 0; k < 3; ++k) {
            const double difference = std::abs(pixel[k] - reference(image, part, x, y, k));
            EXPECT_LE(difference, 1);
            off += difference != 0;
            ++count;
          }
        }
  }
  EXPECT_LT(off, count / 100) << "of " << count;
}

TEST(Resample, MixesByWeight) {
  const Levels pixels = {200};
  ResamplePart part{
      .image = upright({.pixels = pixels.data(), .pitch = 1, .width = 1, .height = 1, .channels = 1}),
      .width = 1,
      .height = 1};
  for (const auto& [weight, wanted] : {std::pair(0, 100.0F), {64, 125.0F}, {128, 150.0F}, {256, 200.0F}}) {
    part.weight = weight;
    float pixel[1] = {100};
    draw_pixel<1>(part, 0, 0, pixel);
    EXPECT_EQ(pixel[0], wanted);
  }
}

// Samples as the kernel is given them: none, one, several parts, one that is left alone, and a canvas below the slot's size.
template <int Channels>
void expect_kernel_equals_pixels(Device& gpu) {
  constexpr int c = Channels;
  const int width = 45, height = 31;
  const Levels pixels = random_levels(64 * c * height, 3);
  const MemoryPtr image_memory = gpu.allocate(pixels.size());
  const Tensor image{{{1, 1, 1, static_cast<int>(pixels.size())}, DType::u8}, image_memory->data()};
  gpu.upload(image, pixels.data(), gpu.stream());
  const auto image_at = [&](const void* first, int orientation) {
    return upright({.pixels = static_cast<const uint8_t*>(first),
                    .pitch = 64 * c,
                    .width = width,
                    .height = height,
                    .channels = c,
                    .orientation = orientation});
  };
  std::vector<ResamplePart> here, there;
  std::vector<ResampleSample> samples{{.first = 0, .count = 0, .width = 17, .height = 13},
                                      {.first = 0, .count = -1}};
  for (int orientation = 1; orientation <= 8; ++orientation) {
    std::vector<ResamplePart> parts = parts_of(image_at(pixels.data(), orientation));
    parts[1].weight = 77;
    samples.push_back({.first = static_cast<int>(here.size()),
                       .count = static_cast<int>(parts.size()),
                       .width = 16,
                       .height = orientation % 2 ? 11 : 13});
    for (ResamplePart& part : parts) {
      here.push_back(part);
      part.image = image_at(image_memory->data(), orientation);
      there.push_back(part);
    }
  }
  const Shape shape{static_cast<int>(samples.size()), 13, 17, c};
  const auto bytes_of = [](const auto& table) {
    return Spec{{1, 1, 1, static_cast<int>(table.size() * sizeof(table[0]))}, DType::u8};
  };
  const MemoryPtr sample_memory = gpu.allocate(bytes(bytes_of(samples))),
                  part_memory = gpu.allocate(bytes(bytes_of(there))),
                  out_memory = gpu.allocate(static_cast<size_t>(shape.count()));
  gpu.upload({bytes_of(samples), sample_memory->data()}, samples.data(), gpu.stream());
  gpu.upload({bytes_of(there), part_memory->data()}, there.data(), gpu.stream());
  const Tensor out{{shape, DType::u8}, out_memory->data()};
  Levels found(static_cast<size_t>(shape.count()), 99);
  gpu.upload(out, found.data(), gpu.stream());
  resample({.samples = static_cast<const ResampleSample*>(sample_memory->data()),
            .parts = static_cast<const ResamplePart*>(part_memory->data()),
            .fill = 114},
           out, gpu.stream());
  gpu.download(out, found.data(), gpu.stream());

  int64_t off = 0;
  size_t at = 0;
  for (const ResampleSample& sample : samples)
    for (int y = 0; y < shape.h; ++y)
      for (int x = 0; x < shape.w; ++x, at += c) {
        const bool inside = x < sample.width && y < sample.height;
        float pixel[c];
        std::fill_n(pixel, c, sample.count < 0 ? 99.0F : inside ? 114.0F : 0.0F);
        for (int i = sample.first; inside && i < sample.first + sample.count; ++i) {
          const ResamplePart& part = here[i];
          if (x >= part.x && x < part.x + part.width && y >= part.y && y < part.y + part.height)
            draw_pixel<c>(part, x, y, pixel);
        }
        for (int k = 0; k < c; ++k) {
          ASSERT_LE(std::abs(found[at + k] - pixel[k]), 1) << "at " << x << ", " << y;
          off += found[at + k] != pixel[k];
        }
      }
  EXPECT_LT(off, shape.count() / 100);
}

}  // namespace

TEST(GpuResample, EqualsTheSameOnTheProcessor) {
  DLFS_NEEDS_GPU(gpu);
  expect_kernel_equals_pixels<3>(*gpu);
  expect_kernel_equals_pixels<1>(*gpu);
}

}  // namespace dlfs::testing
