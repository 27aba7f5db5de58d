#include "dlfs/ops/stem/stem.h"

#include <gtest/gtest.h>

#include "dlfs/testing/cases.h"
#include "dlfs/testing/devices.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/op_checks.h"

namespace dlfs::testing {

std::vector<OpCase> stem_filter_cases() {
  struct Row {
    std::string name;
    Shape w;
    ImageForm form = ImageForm::padded;
  };
  std::vector<OpCase> all;
  for (const Row& row : std::vector<Row>{
           {.name = "five more channels", .w = {8, 3, 3, 3}},
           {.name = "of gray", .w = {5, 5, 3, 1}},
           {.name = "eight already", .w = {2, 3, 3, 8}},
           {.name = "blocks", .w = {6, 7, 7, 3}, .form = ImageForm::blocks},
           {.name = "resnet", .w = {64, 7, 7, 3}, .form = ImageForm::blocks},
       })
    all.push_back({.name = "stem_filter/" + row.name,
                   .function = stem_filter_function({.form = row.form}),
                   .inputs = {{.spec = {row.w}, .matrix = true}},
                   .smooth = true,
                   .narrow = true});
  return all;
}

DLFS_OP_TESTS(StemFilter, stem_filter_cases())

TEST(ImageForm, KnowsItsShapes) {
  EXPECT_EQ(formed({8, 224, 224, 3}, ImageForm::plain), (Shape{8, 224, 224, 3}));
  EXPECT_EQ(formed({8, 224, 224, 3}, ImageForm::padded), (Shape{8, 224, 224, 8}));
  EXPECT_EQ(formed({8, 27, 29, 1}, ImageForm::padded), (Shape{8, 27, 29, 8}));
  EXPECT_EQ(formed({8, 224, 96, 3}, ImageForm::blocks), (Shape{8, 115, 51, 16}));
  for (const ImageForm form : {ImageForm::plain, ImageForm::padded, ImageForm::blocks})
    EXPECT_EQ(form_of(formed({8, 224, 96, 3}, form)), form) << to_string(form);
  expect_error<ShapeError>(
      [] {
        formed({8, 224, 224, 1}, ImageForm::blocks);
      },
      "[image form] images [8,224,224,1] have no form blocks; it is for 3 channels and even sizes");
  expect_error<ShapeError>(
      [] {
        formed({8, 224, 224, 5}, ImageForm::padded);
      },
      "[image form] images [8,224,224,5] have no form padded; it is for 1 or 3 channels");
}

TEST(StemFilter, NamesWhatItCannotTake) {
  const auto infer = [](const Shape& w, ImageForm form) {
    stem_filter_function({.form = form})->infer({{Spec{w}}});
  };
  expect_error<ShapeError>(
      [&] {
        infer({64, 5, 5, 3}, ImageForm::blocks);
      },
      "[stem_filter] w is [64,5,5,3], but blocks are for filters [k,7,7,3]");
  expect_error<ShapeError>(
      [&] {
        infer({64, 5, 5, 9}, ImageForm::padded);
      },
      "[stem_filter] w is [64,5,5,9], but must have at most 8 channels");
}

}  // namespace dlfs::testing
