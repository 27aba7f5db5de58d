#include "dlfs/data/augment/render.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>
#include <sstream>

#include "dlfs/base/file.h"
#include "dlfs/testing/augment.h"
#include "dlfs/testing/golden.h"

namespace dlfs::testing {
namespace {

struct ResizeCase {
  int channels = 0;
  Size from, to;
  Extent box;
  uint64_t hash = 0;
};

std::vector<ResizeCase> golden_cases() {
  std::istringstream lines{std::string(text_of(read_file(golden_path("resize.txt"))))};
  std::vector<ResizeCase> cases;
  for (std::string line; std::getline(lines, line);) {
    if (line[0] == '#') continue;
    std::istringstream words(line);
    ResizeCase c;
    words >> c.channels >> c.from.width >> c.from.height >> c.to.width >> c.to.height >> c.box.left >>
        c.box.top >> c.box.right >> c.box.bottom >> std::hex >> c.hash;
    EXPECT_TRUE(words) << line;
    cases.push_back(c);
  }
  return cases;
}

TEST(Render, ResizesAsPillowDoes) {
  const std::vector<ResizeCase> cases = golden_cases();
  EXPECT_GE(cases.size(), 60U);
  for (size_t i = 0; i < cases.size(); ++i) {
    const ResizeCase& c = cases[i];
    const Image image = noise(c.from, c.channels, concat("resize ", i));
    Part part{.where = {0, 0, c.to.width, c.to.height}};
    part.to_source = {.a = (c.box.right - c.box.left) / c.to.width,
                      .c = c.box.left,
                      .e = (c.box.bottom - c.box.top) / c.to.height,
                      .f = c.box.top};
    EXPECT_EQ(hash_of(shown(part, decoded(image), c.to, c.channels)), c.hash) << "case " << i;
    if (c.box.left == 0 && c.box.top == 0 && c.box.right == c.from.width && c.box.bottom == c.from.height) {
      EXPECT_EQ(hash_of(resized(image, c.to).pixels), c.hash) << "case " << i;
    }
  }
}

// One core; beside it tools/golden_resize.py --time.
TEST(SlowRenderSpeed, OfACropTo224) {
  const ResizeCase c = golden_cases()[0];
  const Image image = noise(c.from, 3, "resize 0");
  const Decoded source = decoded(image);
  Part part{.where = {0, 0, 224, 224}};
  part.to_source = {.a = 500.0 / 224, .c = 60, .e = 375.0 / 224, .f = 50};
  const Recipe recipe = recipe_of(c.to, 3);
  Drawn drawn;
  drawn.size = c.to;
  std::vector<uint8_t> out(224 * 224 * 3);
  Renderer renderer;
  std::vector<double> times;
  for (int i = 0; i < 500; ++i) {
    const auto start = std::chrono::steady_clock::now();
    renderer.begin(recipe, drawn, out);
    renderer.show(part, source);
    times.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  EXPECT_EQ(hash_of(out), c.hash);
  std::nth_element(times.begin(), times.begin() + 250, times.end());
  std::cout << "500 x 375 to 224 x 224: " << times[250] << " ms\n";
}

TEST(Render, GivesTheSameWithoutVectors) {
  const Random random(key_of("vectors"));
  for (uint64_t i = 0; i < 200; ++i) {
    const int width = 1 + static_cast<int>(random.below(4 * i, 90)),
              count = 1 + static_cast<int>(random.below(4 * i + 1, 90));
    const Image image = noise({width, width}, 4, concat("vectors ", i));
    std::vector<uint8_t> row = image.pixels;  // with something behind the first
    row.resize(row.size() + 4);
    const Line line{
        .start = 0, .step = 1.0 * width / count, .count = count, .mirrored = random.below(4 * i + 2, 2) == 1};
    Taps across, down;
    make_taps(line, {0, width}, 4, across);
    make_taps(line, {0, width}, 1, down);
    const size_t bytes = 4 * static_cast<size_t>(count), stride = 4 * static_cast<size_t>(width);
    std::vector<uint8_t> best(bytes), none(bytes);
    resample_row(row.data(), 4, across, best.data());
    resample_row(row.data(), 4, across, none.data(), Vectors::none);
    EXPECT_EQ(best, none) << i;
    best.resize(stride);
    none.resize(stride);
    const int at = static_cast<int>(random.below(4 * i + 3, static_cast<uint32_t>(count)));
    resample_column(row.data(), stride, stride, down, at, best.data());
    resample_column(row.data(), stride, stride, down, at, none.data(), Vectors::none);
    EXPECT_EQ(best, none) << i;
  }
}

// ---- whole samples ----
struct Pixels {
  const ImageSet& set;
  int channels;
  Image image(uint32_t which) const {
    return noise(set.members[which].size, channels, concat("image ", which));
  }
};

std::vector<uint8_t> render_whole(const Recipe& recipe, const ImageSet& set, const Drawn& drawn) {
  return rendered(recipe, drawn, [&](const Part& part) {
    return decoded(Pixels{set, recipe.channels}.image(part.image));
  });
}

// What a decoder may give for a window: the window and some more, smaller by `scale`, each pixel the mean of a block.
Decoded shrunk(const Image& image, Box window, int scale, int block = 16) {
  const auto before = [&](int edge) { return edge / block * block; };
  const auto behind = [&](int edge, int size) { return std::min((edge + block - 1) / block * block, size); };
  Box covers{before(window.x), before(window.y), 0, 0};
  covers.width = behind(window.x + window.width, image.size.width) - covers.x;
  covers.height = behind(window.y + window.height, image.size.height) - covers.y;
  const Decoded full = decoded(image, covers);
  Decoded result{.image = {.size = {(covers.width + scale - 1) / scale, (covers.height + scale - 1) / scale},
                           .channels = full.image.channels,
                           .pixels = {}},
                 .covers = covers,
                 .scale = scale};
  const int bytes = full.image.channels;
  for (int y = 0; y < result.image.size.height; ++y)
    for (int x = 0; x < result.image.size.width; ++x)
      for (int c = 0; c < bytes; ++c) {
        int sum = 0, count = 0;
        for (int j = y * scale; j < std::min((y + 1) * scale, covers.height); ++j)
          for (int i = x * scale; i < std::min((x + 1) * scale, covers.width); ++i, ++count)
            sum += full.image.pixels[(static_cast<size_t>(j) * covers.width + i) * bytes + c];
        result.image.pixels.push_back(static_cast<uint8_t>(sum / count));
      }
  return result;
}

Box window_of(const DecodeRequest& request, Size size) {
  return request.window.value_or(Box{0, 0, size.width, size.height});
}

int scale_of(const DecodeRequest& request, Size size) {
  if (!request.at_least) return 1;
  const Box window = window_of(request, size);
  for (const int scale : {8, 4, 2})
    if (window.width / scale >= request.at_least->width && window.height / scale >= request.at_least->height)
      return scale;
  return 1;
}

std::vector<std::vector<Transform>> recipes() {
  const RandomAffine turn{
      .degrees = 45, .translate = 0.1F, .shear = 10, .least_scale = 0.3F, .most_scale = 1.5F};
  return {
      {RandomResizedCrop{.to = {64, 48}}, RandomFlip{.horizontal = 0.5F, .vertical = 0.5F}},
      {RandomCrop{{100, 100}, 8}, RandomFlip{}},
      {ZoomOut{}, Letterbox{{40, 40}}},
      {ShortestEdge{{20, 40, 80}, 160}, RandomFlip{}, ColourJitter{.brightness = 0.2F, .contrast = 0.2F}},
      {IouCrop{}, Stretch{{90, 70}}, Mixup{}},
      {Mosaic{.to = {160, 160}}, turn, RandomFlip{}, CenterCrop{{130, 130}}},
      {Letterbox{{50, 50}}, turn, RandomErase{}},
  };
}

struct Seen {
  int windows = 0, smaller = 0;
};

// A sample is the same from the windows that are asked for as from whole images.
void check_windows(int cases) {
  const ImageSet set("windows", {.count = 8, .least_side = 30, .most_side = 700});
  Seen seen;
  for (int i = 0; i < cases; ++i) {
    SCOPED_TRACE(i);
    const int channels = i % 3 == 0 ? 1 : 3;
    const Recipe recipe =
        recipe_of({160, 160}, channels, recipes()[static_cast<size_t>(i) % recipes().size()]);
    const Drawn drawn = draw(recipe, set, static_cast<uint32_t>(i) % set.count(), sample_key(3, 0, i));
    const auto request = [&](const Part& part) {
      return request_for(part, set.members[part.image].size, channels);
    };
    const auto image = [&](const Part& part) { return Pixels{set, channels}.image(part.image); };
    const auto size = [&](const Part& part) { return set.members[part.image].size; };

    const auto windows = rendered(recipe, drawn, [&](const Part& part) {
      EXPECT_EQ(request(part).channels, channels == 1 ? 1 : 4);
      seen.windows += request(part).window.has_value();
      return decoded(image(part), window_of(request(part), size(part)));
    });
    EXPECT_EQ(hash_of(windows), hash_of(render_whole(recipe, set, drawn)));

    // And so it is where both come smaller.
    const auto small_windows = rendered(recipe, drawn, [&](const Part& part) {
      const int scale = scale_of(request(part), size(part));
      seen.smaller += scale > 1;
      const Box window = window_of(request(part), size(part));
      if (part.to_source.is_axis_aligned() && scale > 1) {  // never fewer pixels than are made of them
        EXPECT_LE(scale, std::abs(part.to_source.a));
        EXPECT_LE(scale, std::abs(part.to_source.e));
      }
      return shrunk(image(part), window, scale);
    });
    const auto small_wholes = rendered(recipe, drawn, [&](const Part& part) {
      const Box whole{0, 0, size(part).width, size(part).height};
      return shrunk(image(part), whole, scale_of(request(part), size(part)));
    });
    EXPECT_EQ(hash_of(small_windows), hash_of(small_wholes));
  }
  EXPECT_GT(seen.windows, cases / 4);
  EXPECT_GT(seen.smaller, cases / 10);
}

TEST(Render, NeedsOnlyTheWindowsThatAreAskedFor) { check_windows(70); }
TEST(SlowRender, NeedsOnlyTheWindowsThatAreAskedFor) { check_windows(10'000); }

TEST(Render, IsCloseWhereTheDecoderShrinks) {
  // A smooth image, so that only a wrong place shows.
  Image image{.size = {640, 480}, .channels = 1, .pixels = {}};
  for (int y = 0; y < 480; ++y)
    for (int x = 0; x < 640; ++x)
      image.pixels.push_back(static_cast<uint8_t>(127.5 + 100 * std::sin(x / 40.0) * std::cos(y / 30.0)));
  for (const bool turned : {false, true}) {
    Part part{.where = {0, 0, 60, 40}, .shown = {0, 0, 640, 480}};
    part.to_source = {
        .a = 9.1, .b = turned ? 0.7 : 0, .c = 21.3, .d = turned ? -0.6 : 0, .e = 8.7, .f = 40.9};
    const auto full = shown(part, decoded(image), {60, 40}, 1);
    for (const int scale : {2, 4, 8}) {
      const auto small = shown(part, shrunk(image, {0, 0, 640, 480}, scale), {60, 40}, 1);
      const auto odd = shown(part, shrunk(image, {5, 3, 635, 477}, scale, 1), {60, 40}, 1);
      for (size_t i = 0; i < full.size(); ++i) {
        EXPECT_NEAR(full[i], small[i], 6) << scale << " at " << i;
        EXPECT_NEAR(full[i], odd[i], 6) << scale << " at " << i;
      }
    }
  }
}

TEST(Render, CopiesWhatKeepsItsSize) {
  for (const int channels : {1, 3}) {
    const Image image = noise({50, 40}, channels, "copy");
    Part part{.where = {3, 2, 30, 20}, .to_source = {.c = 7, .f = 5}};
    const auto out = shown(part, decoded(image), {60, 40}, channels);
    for (int y = 0; y < 40; ++y)
      for (int x = 0; x < 60; ++x)
        for (int c = 0; c < channels; ++c) {
          const bool inside = x >= 3 && x < 33 && y >= 2 && y < 22;
          const size_t source = (static_cast<size_t>(y + 5) * 50 + x + 7) * channels + c;
          ASSERT_EQ(out[(static_cast<size_t>(y) * 60 + x) * channels + c],
                    inside ? image.pixels[source] : 114);
        }
    EXPECT_EQ(resized(image, image.size).pixels, image.pixels);
  }
}

TEST(Render, FlipsTwiceToTheSame) {
  const ImageSet set("flips", {.count = 4});
  for (uint32_t i = 0; i < 40; ++i) {
    const RandomFlip flip{.horizontal = i % 2 == 0 ? 1.0F : 0.0F, .vertical = i % 4 < 2 ? 1.0F : 0.0F};
    const Recipe plain = recipe_of({160, 160}, 3, {Letterbox{{90, 120}}});
    const Recipe twice = recipe_of({160, 160}, 3, {flip, flip, Letterbox{{90, 120}}, flip, flip});
    const Recipe once = recipe_of({160, 160}, 3, {Letterbox{{90, 120}}, flip});
    const auto render = [&](const Recipe& recipe) {
      return render_whole(recipe, set, draw(recipe, set, i % set.count(), sample_key(1, 0, i)));
    };
    const auto wanted = render(plain), flipped = render(once);
    EXPECT_EQ(hash_of(render(twice)), hash_of(wanted));
    for (int y = 0; y < 120; ++y)
      for (int x = 0; x < 90; ++x) {
        const int from_x = flip.horizontal > 0 ? 89 - x : x, from_y = flip.vertical > 0 ? 119 - y : y;
        ASSERT_EQ(flipped[(static_cast<size_t>(y) * 160 + x) * 3],
                  wanted[(static_cast<size_t>(from_y) * 160 + from_x) * 3]);
      }
  }
}

TEST(Render, BlendsByWeightAndLeavesPaddingZero) {
  const Image white{.size = {8, 8}, .channels = 3, .pixels = std::vector<uint8_t>(192, 255)};
  const Recipe recipe = recipe_of({10, 9}, 3);
  Drawn drawn;
  drawn.size = {8, 8};
  drawn.parts = {Part{.where = {0, 0, 4, 8}, .weight = 64}, Part{.where = {2, 0, 2, 8}, .weight = 256}};
  const auto out = rendered(recipe, drawn, [&](const Part&) { return decoded(white); });
  const auto at = [&](int x, int y) { return out[(static_cast<size_t>(y) * 10 + x) * 3 + 1]; };
  EXPECT_EQ(at(0, 0), (114 * 192 + 255 * 64 + 128) >> 8);
  EXPECT_EQ(at(3, 7), 255);
  EXPECT_EQ(at(4, 0), 114);
  EXPECT_EQ(at(8, 0), 0);
  EXPECT_EQ(at(0, 8), 0);
}

// Another machine must make these very pixels, boxes and looks.
TEST(Render, GivesTheSameSamplesOnEveryMachine) {
  const ImageSet set("golden", {.count = 10, .least_side = 30, .most_side = 400});
  uint64_t hash = 0;
  for (int i = 0; i < 100; ++i) {
    const Recipe recipe =
        recipe_of({160, 160}, i % 5 == 0 ? 1 : 3, recipes()[static_cast<size_t>(i) % recipes().size()]);
    const Drawn drawn = draw(recipe, set, static_cast<uint32_t>(i) % set.count(), sample_key(11, 2, i));
    hash = combine(hash, hash_of(render_whole(recipe, set, drawn)));
    std::vector<float> numbers = {static_cast<float>(drawn.label), drawn.second_weight};
    const auto* look = reinterpret_cast<const float*>(&drawn.look);
    numbers.insert(numbers.end(), look, look + sizeof(Look) / sizeof(float));
    for (const SnapshotBox& box : drawn.boxes)
      numbers.insert(numbers.end(),
                     {box.box.x, box.box.y, box.box.width, box.box.height, static_cast<float>(box.label)});
    const auto* bytes = reinterpret_cast<const uint8_t*>(numbers.data());
    hash = combine(hash, hash_of({bytes, bytes + numbers.size() * sizeof(float)}));
  }
  EXPECT_EQ(hash, 0x4f7af613c7ceedeaU) << std::hex << hash;
}

}  // namespace
}  // namespace dlfs::testing
