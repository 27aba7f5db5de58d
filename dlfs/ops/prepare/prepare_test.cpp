#include "dlfs/ops/prepare/prepare.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "dlfs/testing/cases.h"
#include "dlfs/testing/devices.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/op_checks.h"

namespace dlfs::testing {
namespace {

PrepareSettings settings_for(int c, ImageForm form = ImageForm::plain) {
  PrepareSettings settings{
      .mean = {0.485F, 0.456F, 0.406F}, .deviation = {0.229F, 0.224F, 0.225F}, .form = form};
  settings.mean.resize(c);
  settings.deviation.resize(c);
  return settings;
}

std::vector<double> numbers_of(const std::vector<Look>& looks) {
  std::vector<double> numbers;
  for (const Look& look : looks) {
    const auto* first = reinterpret_cast<const float*>(&look);
    numbers.insert(numbers.end(), first, first + look_numbers);
  }
  return numbers;
}

// Colours that mix, some of them far out of [0, 255].
Look mixed(Look look) {
  look.colour = {0.75F, 0.5F, -0.125F, 0.25F, 1.25F, 0.0625F, -0.25F, 0.375F, 0.875F};
  look.offset = {-20, 12.5F, 0};
  return look;
}

Look brightened(Look look) {
  look.colour = {1.5F, 0, 0, 0, 1.25F, 0, 0, 0, 0.75F};
  look.offset = {-40, -7.5F, 30};
  return look;
}

}  // namespace

std::vector<OpCase> prepare_cases() {
  struct Row {
    std::string name;
    Shape pixels;
    std::vector<Look> looks;
    ImageForm form = ImageForm::plain;
    bool speed = false;
    bool compare = true;
  };
  const Look crop{.width = 224, .height = 224}, box{.width = 1333, .height = 800};
  std::vector<OpCase> all;
  for (const Row& row : std::vector<Row>{
           {.name = "as it is", .pixels = {2, 5, 8, 3}, .looks = {{.width = 8, .height = 5}}},
           {.name = "flipped", .pixels = {2, 5, 8, 3}, .looks = {{.width = 8, .height = 5, .flip = 1}}},
           {.name = "padded, flipped or not",
           .pixels = {5, 6, 16, 3},
           .looks = {{.width = 13, .height = 4, .flip = 1},
                     {.width = 13, .height = 6},
                     {.width = 2, .height = 1, .flip = 1},
                     {.width = 12, .height = 5, .flip = 1},
                     {}}},
           {.name = "erased",
           .pixels = {4, 7, 12, 3},
           .looks = {{.width = 12, .height = 7, .erased = {3, 2, 6, 4}},
                     {.width = 11, .height = 6, .flip = 1, .erased = {0, 0, 5, 1}},
                     {.width = 10, .height = 7, .erased = {8, 5, 4, 2}}}},
           {.name = "colours of their own",
           .pixels = {2, 5, 8, 3},
           .looks = {brightened({.width = 8, .height = 5}),
                     brightened({.width = 7, .height = 5, .flip = 1})}},
           {.name = "colours mixed",
           .pixels = {3, 5, 8, 3},
           .looks = {mixed({.width = 8, .height = 5}),
                     mixed({.width = 7, .height = 4, .flip = 1, .erased = {1, 1, 3, 2}}),
                     {.width = 6, .height = 5}}},
           {.name = "odd width",
           .pixels = {3, 5, 7, 3},
           .looks = {{.width = 7, .height = 5}, mixed({.width = 6, .height = 5, .flip = 1})}},
           {.name = "gray",
           .pixels = {2, 6, 8, 1},
           .looks = {brightened({.width = 8, .height = 6, .flip = 1})}},
           {.name = "gray, odd width",
           .pixels = {3, 5, 7, 1},
           .looks = {{.width = 7, .height = 5}, {.width = 5, .height = 4, .flip = 1}}},
           {.name = "five more channels",
           .pixels = {3, 5, 6, 3},
           .looks = {{.width = 6, .height = 5, .erased = {1, 1, 2, 2}},
                     mixed({.width = 5, .height = 4, .flip = 1})},
           .form = ImageForm::padded},
           {.name = "five more channels, whole words",
           .pixels = {3, 5, 8, 3},
           .looks = {{.width = 8, .height = 5, .flip = 1}, mixed({.width = 7, .height = 4, .flip = 1})},
           .form = ImageForm::padded},
           {.name = "seven more of gray",
           .pixels = {2, 3, 6, 1},
           .looks = {{.width = 5, .height = 3}},
           .form = ImageForm::padded},
           {.name = "blocks",
           .pixels = {5, 6, 10, 3},
           .looks = {{.width = 10, .height = 6},
                     {.width = 10, .height = 5, .flip = 1},
                     mixed({.width = 9, .height = 6, .flip = 1, .erased = {1, 1, 4, 3}}),
                     {.width = 7, .height = 3},
                     {}},
           .form = ImageForm::blocks},
           {.name = "speed crops",
           .pixels = {256, 224, 224, 3},
           .looks = {crop},
           .speed = true,
           .compare = false},
           {.name = "speed crops, colours mixed",
           .pixels = {256, 224, 224, 3},
           .looks = {mixed(crop), mixed({.width = 224, .height = 224, .flip = 1})},
           .speed = true,
           .compare = false},
           {.name = "speed crops, five more channels",
           .pixels = {256, 224, 224, 3},
           .looks = {crop},
           .form = ImageForm::padded,
           .speed = true,
           .compare = false},
           {.name = "speed crops, blocks",
           .pixels = {256, 224, 224, 3},
           .looks = {crop, {.width = 224, .height = 224, .flip = 1}},
           .form = ImageForm::blocks,
           .speed = true},
           {.name = "speed detection",
           .pixels = {16, 800, 1344, 3},
           .looks = {box, {.width = 1201, .height = 800, .flip = 1}},
           .speed = true,
           .compare = false},
       })
    all.push_back({.name = "prepare/" + row.name,
                   .function = prepare_function(settings_for(row.pixels.c, row.form)),
                   .inputs = {{.spec = {row.pixels, DType::u8}, .below = 256},
                              {.spec = {{row.pixels.n, 1, 1, look_numbers}}, .given = numbers_of(row.looks)}},
                   .gradient = false,
                   .golden = !row.speed,
                   .speed = row.speed,
                   .compare = row.compare,
                   .narrow = true});
  return all;
}

DLFS_OP_TESTS(Prepare, prepare_cases())

namespace {

OpCase small_case(const Look& look, const PrepareSettings& settings, Shape pixels = {1, 2, 4, 3}) {
  return {.name = "prepare/small",
          .function = prepare_function(settings),
          .inputs = {{.spec = {pixels, DType::u8}, .below = 256},
                     {.spec = {{1, 1, 1, look_numbers}}, .given = numbers_of({look})}},
          .gradient = false};
}

// By hand: 4 pixels across of which 3 are the image, flipped, the last of the upper row erased.
void expect_places(Device& device) {
  const OpCase of = small_case({.width = 3, .height = 2, .flip = 1, .erased = {2, 0, 1, 1}},
                               {.mean = {0}, .deviation = {1.0F / 255}}, {1, 2, 4, 1});
  OpRun run(device, of);
  run.set_input(0, {1, 2, 3, 99, 4, 5, 255, 99});
  run.forward();
  EXPECT_EQ(run.results()[0], (Numbers{3, 2, 0, 0, 255, 5, 4, 0}));
}

// A picture as torchvision's ToTensor and Normalize give it, and colours beyond black and white.
void expect_formula(Device& device) {
  const PrepareSettings settings{.mean = {0.5F, 0.25F, 0}, .deviation = {0.5F, 0.25F, 1}};
  Look look{.width = 4, .height = 2};
  const OpCase as_it_is = small_case(look, settings);
  OpRun plain(device, as_it_is);
  plain.set_input(0, Numbers(24, 255));
  plain.forward();
  const Numbers white = plain.results()[0];
  for (size_t i = 0; i < white.size(); ++i) EXPECT_FLOAT_EQ(static_cast<float>(white[i]), i % 3 == 1 ? 3 : 1);

  look.colour = {0, 2, 0, 0, -1, 0, 0, 0, 0};
  look.offset = {0, 0, 51};
  const OpCase coloured = small_case(look, settings);
  OpRun colours(device, coloured);
  colours.set_input(0, Numbers(24, 200));
  colours.forward();
  const Numbers y = colours.results()[0];
  EXPECT_FLOAT_EQ(static_cast<float>(y[0]), 1) << "twice the green is more than white";
  EXPECT_FLOAT_EQ(static_cast<float>(y[1]), -1) << "less than black is black";
  EXPECT_FLOAT_EQ(static_cast<float>(y[2]), 0.2F) << "what is added alone";
}

// A look that claims more than there is, or no numbers at all, stays within the image.
void expect_senseless_looks_stay_inside(Device& device) {
  const float nan = std::nanf(""), infinity = std::numeric_limits<float>::infinity();
  for (const float flip : {0.0F, 1.0F})
    for (const float odd : {nan, infinity, -infinity, 1e30F, -5.0F})
      for (const Shape pixels : {Shape{1, 2, 4, 3}, Shape{1, 2, 3, 1}}) {
        const std::vector<float> numbers(pixels.c, 0.5F);
        const OpCase of =
            small_case({.width = odd, .height = odd, .flip = flip, .erased = {odd, odd, odd, odd}},
                       {.mean = numbers, .deviation = numbers}, pixels);
        OpRun run(device, of);
        run.forward();
        EXPECT_EQ(run.broken_guards(), "");
        const Numbers results = run.results()[0];
        for (const double y : results) EXPECT_LE(std::abs(y), 1 + 1e-6);  // a rounding above
      }
}

}  // namespace

TEST(Prepare, PutsPixelsInTheirPlaces) { expect_places(*open_cpu()); }
TEST(Prepare, Normalises) { expect_formula(*open_cpu()); }
TEST(Prepare, SenselessLooksStayInside) { expect_senseless_looks_stay_inside(*open_cpu()); }

TEST(GpuPrepare, PutsPixelsInTheirPlaces) {
  DLFS_NEEDS_GPU(gpu);
  expect_places(*gpu);
}
TEST(GpuPrepare, Normalises) {
  DLFS_NEEDS_GPU(gpu);
  expect_formula(*gpu);
}
TEST(GpuPrepare, SenselessLooksStayInside) {
  DLFS_NEEDS_GPU(gpu);
  expect_senseless_looks_stay_inside(*gpu);
}

TEST(Prepare, SaysBothSpecsOfWhatDoesNotFit) {
  const Spec pixels{{2, 4, 4, 3}, DType::u8}, looks{{2, 1, 1, look_numbers}};
  const auto refused = [](const Spec& of, const Spec& with, const PrepareSettings& settings) {
    return error_of([&] { prepare_function(settings)->infer({{of, with}}); });
  };
  EXPECT_EQ(refused({{2, 4, 4, 3}}, looks, settings_for(3)),
            "[prepare] pixels are f32 [2,4,4,3], but must be u8 with 1 or 3 channels");
  EXPECT_EQ(refused({{2, 4, 4, 4}, DType::u8}, looks, settings_for(3)),
            "[prepare] pixels are u8 [2,4,4,4], but must be u8 with 1 or 3 channels");
  EXPECT_EQ(refused(pixels, {{1, 1, 1, look_numbers}}, settings_for(3)),
            "[prepare] looks are f32 [1,1,1,20], but pixels u8 [2,4,4,3] need f32 [2,1,1,20]");
  EXPECT_EQ(refused({{2, 4, 5, 3}, DType::u8}, looks, settings_for(3, ImageForm::blocks)),
            "[image form] images [2,4,5,3] have no form blocks; it is for 3 channels and even sizes");
  EXPECT_EQ(refused(pixels, looks, settings_for(1)),
            "[prepare] mean has 1 numbers, but pixels u8 [2,4,4,3] need 3");
  EXPECT_EQ(refused(pixels, looks, {.mean = {0, 0.5F, 0}, .deviation = {1, 0, 1}}),
            "[prepare] mean 0.5 and deviation 0 of channel 1 give no number");
}

}  // namespace dlfs::testing
